import { randomUUID } from 'node:crypto';
import { ConclaveError } from '../contract/errors';
import { type Simulate, simulationRetentionDays, type SimulationView } from '../contract/simulation';
import type { SimulationReport } from '../contract/simulation-report';
import { bulkProgress } from '../domain/bulk';
import type { EndedRunRange, EndedRuns } from '../store/ended-runs';
import type { NewSimulation, Simulation, Simulations } from '../store/simulations';
import { apart, whenCommitted } from '../store/one-transaction';
import type { SimulationGateway } from './simulation-gateway';

interface Named {
  readonly tenant_id: string;
  readonly policy_bundle: string;
}

export interface PolicySimulationsDependencies {
  readonly simulations: Simulations;
  readonly runs: Pick<EndedRuns, 'count'>;
  readonly gateway: SimulationGateway;
  /** Writes what waits to be kept. */
  readonly flush: () => Promise<void>;
  readonly candidate: (
    name: Named,
    asked: Simulate,
  ) => Promise<NewSimulation['candidate'] & { readonly document: Buffer }>;
  readonly now: () => number;
  readonly log: { warn(fields: object, message: string): void };
}

const dayMs = 86_400_000;
const usualMs = 7 * dayMs;
const retentionMs = simulationRetentionDays * dayMs;
/** That a tenant may have open at a time. */
const maxOpen = 5;
const tendEveryMs = 15_000;

/** Simulations of policies as clients see them (docs/simulation.md). */
export class PolicySimulations {
  #timer: NodeJS.Timeout | null = null;

  constructor(private readonly deps: PolicySimulationsDependencies) {}

  /**
   * @throws ConclaveError 400 `validation_failed`, `range_exceeds_retention`, `policy_invalid`, 404 `policy_not_found`,
   *   `version_not_found`, 409 `nothing_to_replay`, RATE_LIMITED `too_many_simulations`; INTERNAL_ERROR `compiler_unavailable`
   */
  async begin(name: Named, asked: Simulate, by: NewSimulation['by']): Promise<SimulationView> {
    const range = rangeOf(name, asked, this.deps.now());
    const { document, ...candidate } = await this.deps.candidate(name, asked);
    await apart(() => this.deps.flush());
    const total = await this.deps.runs.count(range);
    if (total === 0) throw nothingToReplay(range);
    const simulationId = randomUUID();
    const createdAt = new Date(this.deps.now());
    const simulation = { simulationId, range, candidate, document, total, createdAt, by };
    if (!(await this.deps.simulations.begin(simulation, maxOpen))) throw tooMany();
    // It is on record: one that cannot be started now is started later.
    await whenCommitted(() =>
      this.deps.gateway.start(simulationId, range.tenantId).catch((error: unknown) => {
        this.deps.log.warn({ simulation_id: simulationId, error }, 'a simulation could not be started yet');
      }),
    );
    return this.#shown(await this.#find(name, simulationId));
  }

  /** @throws ConclaveError 404 `simulation_not_found` */
  async get(name: Named, simulationId: string): Promise<SimulationView> {
    return this.#shown(await this.#find(name, simulationId));
  }

  /** Without reports, the latest first. */
  async list({ tenant_id, policy_bundle }: Named): Promise<SimulationView[]> {
    const all = await this.deps.simulations.list(tenant_id, policy_bundle);
    return all.map((simulation) => view(simulation, null));
  }

  /** @throws ConclaveError 404 `simulation_not_found`, 409 `simulation_not_cancellable` */
  async cancel(name: Named, simulationId: string): Promise<SimulationView> {
    await this.#find(name, simulationId);
    if (!(await this.deps.simulations.end(simulationId, 'cancelled', null))) {
      throw new ConclaveError('INVALID_REQUEST', 'the simulation has ended already', {
        status: 409,
        detail: 'simulation_not_cancellable',
      });
    }
    return this.get(name, simulationId);
  }

  /** Keeps those that are open running, whatever ended their runs. */
  start(): void {
    this.#timer = setInterval(() => void this.#tend(), tendEveryMs).unref();
    void this.#tend();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  async #tend(): Promise<void> {
    try {
      for (const { simulationId, tenantId } of await this.deps.simulations.open())
        await this.deps.gateway.start(simulationId, tenantId);
    } catch (error) {
      this.deps.log.warn({ error }, 'open simulations could not be looked after; the next try comes soon');
    }
  }

  async #find({ tenant_id, policy_bundle }: Named, simulationId: string): Promise<Simulation> {
    const found = await this.deps.simulations.find(simulationId, tenant_id);
    if (found?.range.tenantId === tenant_id && found.range.bundle === policy_bundle) return found;
    throw new ConclaveError('INVALID_REQUEST', 'there is no such simulation', {
      status: 404,
      detail: 'simulation_not_found',
    });
  }

  async #shown(simulation: Simulation): Promise<SimulationView> {
    const report = simulation.status === 'completed' ? await this.deps.simulations.report(simulation) : null;
    return view(simulation, report);
  }
}

function rangeOf(
  { tenant_id, policy_bundle }: Named,
  { since, until }: Simulate,
  now: number,
): EndedRunRange {
  const end = Math.min(until === undefined ? now : Date.parse(until), now);
  const begin = since === undefined ? end - usualMs : Date.parse(since);
  if (begin >= end) throw invalid('since', 'must be before until, and in the past', 'validation_failed');
  if (begin < now - retentionMs) {
    const message = `must not be more than ${simulationRetentionDays} days ago: what was judged before is no longer kept`;
    throw invalid('since', message, 'range_exceeds_retention');
  }
  return { tenantId: tenant_id, bundle: policy_bundle, since: new Date(begin), until: new Date(end) };
}

function invalid(path: string, message: string, detail: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `${path} ${message}`, {
    detail,
    fieldErrors: [{ path, message }],
  });
}

function nothingToReplay({ since, until }: EndedRunRange): ConclaveError {
  const message = `there is nothing to replay: the bundle judged nothing from ${since.toISOString()} to ${until.toISOString()}`;
  return new ConclaveError('INVALID_REQUEST', message, { status: 409, detail: 'nothing_to_replay' });
}

function tooMany(): ConclaveError {
  return new ConclaveError(
    'RATE_LIMITED',
    `the tenant has ${maxOpen} simulations under way; wait for one, or cancel it`,
    { detail: 'too_many_simulations', retryAfterSeconds: 10 },
  );
}

function view(simulation: Simulation, report: SimulationReport | null): SimulationView {
  const { range, status, total, replayed } = simulation;
  return {
    simulation_id: simulation.simulationId,
    tenant_id: range.tenantId,
    policy_bundle: range.bundle,
    candidate: simulation.candidate,
    since: range.since.toISOString(),
    until: range.until.toISOString(),
    status,
    total,
    replayed,
    progress: status === 'completed' ? 1 : Math.min(bulkProgress(replayed, total), 0.999999),
    created_at: simulation.createdAt.toISOString(),
    started_at: simulation.startedAt?.toISOString() ?? null,
    completed_at: simulation.completedAt?.toISOString() ?? null,
    error: simulation.error,
    report,
  };
}
