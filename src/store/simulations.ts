import { type Selectable, sql } from 'kysely';
import type { SimulationStatus } from '../contract/simulation';
import { type SimulationReport, simulationReportSchema } from '../contract/simulation-report';
import { recordAudit } from './audit-log';
import { asTenant, type Db } from './database';
import type { EndedRunRange, PageEnd } from './ended-runs';
import type { KeyRing } from './key-ring';
import type { PolicySimulationTable } from './schema-policies';

export interface NewSimulation {
  readonly simulationId: string;
  readonly range: EndedRunRange;
  readonly candidate: { readonly version: string; readonly digest: string; readonly stored: boolean };
  /** The candidate, as writeDocument makes it. */
  readonly document: Buffer;
  readonly total: number;
  readonly createdAt: Date;
  /** For the audit log. */
  readonly by: { readonly principal: string; readonly correlationId: string };
}

export interface Simulation extends Omit<NewSimulation, 'document' | 'by'> {
  readonly status: SimulationStatus;
  readonly replayed: number;
  readonly error: string | null;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

/** Where a simulation was left. */
export interface SimulationState {
  readonly simulation: Simulation;
  readonly document: Buffer;
  readonly after: PageEnd | null;
  /** Null: nothing has been counted yet. */
  readonly report: SimulationReport | null;
}

/** Of a tenant; the oldest go when there are more. */
const keptOfTenant = 200;
/** A candidate is needed as long as its simulation goes on. */
const noDocument = Buffer.alloc(0);

const openStatuses: readonly SimulationStatus[] = ['pending', 'running'];
const shown = [
  'simulation_id',
  'tenant_id',
  'policy_bundle',
  'candidate_version',
  'candidate_digest',
  'candidate_stored',
  'since',
  'until',
  'status',
  'total',
  'replayed',
  'error',
  'created_at',
  'started_at',
  'completed_at',
] as const;

/** Table `policy_simulation`. Reports are encrypted for the tenant. */
export class Simulations {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
  ) {}

  /** @returns whether there was room for another of the tenant's */
  async begin(simulation: NewSimulation, maxOpen: number): Promise<boolean> {
    const { range, candidate, createdAt, by } = simulation;
    const db = asTenant(this.db, range.tenantId);
    return db.transaction().execute(async (tx) => {
      // Two that come at once must not both find the last place free.
      await sql`select pg_advisory_xact_lock(hashtext(${`simulations/${range.tenantId}`}))`.execute(tx);
      const { open } = await tx
        .selectFrom('policy_simulation')
        .select(sql<number>`count(*)::int`.as('open'))
        .where('tenant_id', '=', range.tenantId)
        .where('completed_at', 'is', null)
        .executeTakeFirstOrThrow();
      if (open >= maxOpen) return false;
      await tx
        .insertInto('policy_simulation')
        .values({
          simulation_id: simulation.simulationId,
          tenant_id: range.tenantId,
          policy_bundle: range.bundle,
          candidate_version: candidate.version,
          candidate_digest: candidate.digest,
          candidate_stored: candidate.stored,
          document: simulation.document,
          since: range.since,
          until: range.until,
          status: 'pending',
          total: simulation.total,
          created_at: createdAt,
        })
        .execute();
      await sql`
        delete from policy_simulation
        where tenant_id = ${range.tenantId} and completed_at is not null and simulation_id in (
          select simulation_id from policy_simulation where tenant_id = ${range.tenantId}
          order by created_at desc, simulation_id offset ${keptOfTenant}
        )`.execute(tx);
      await recordAudit(tx, {
        tenant_id: range.tenantId,
        request_id: simulation.simulationId,
        kind: 'policy_simulation',
        record: {
          principal: by.principal,
          correlation_id: by.correlationId,
          policy: range.bundle,
          candidate,
          since: range.since.toISOString(),
          until: range.until.toISOString(),
        },
      });
      return true;
    });
  }

  async find(simulationId: string, tenantId: string | null): Promise<Simulation | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('policy_simulation')
      .select(shown)
      .where('simulation_id', '=', simulationId)
      .executeTakeFirst();
    return row ? toSimulation(row) : null;
  }

  /** The latest first. */
  async list(tenantId: string, bundle: string): Promise<Simulation[]> {
    const rows = await asTenant(this.db, tenantId)
      .selectFrom('policy_simulation')
      .select(shown)
      .where('tenant_id', '=', tenantId)
      .where('policy_bundle', '=', bundle)
      .orderBy('created_at', 'desc')
      .orderBy('simulation_id')
      .execute();
    return rows.map(toSimulation);
  }

  /** Null when nothing has been counted. */
  async report({ simulationId, range }: Simulation): Promise<SimulationReport | null> {
    const row = await asTenant(this.db, range.tenantId)
      .selectFrom('policy_simulation')
      .select('report')
      .where('simulation_id', '=', simulationId)
      .executeTakeFirst();
    return this.#read(range.tenantId, simulationId, row?.report ?? null);
  }

  /** Those that have not ended, of all tenants. */
  async open(): Promise<readonly { readonly simulationId: string; readonly tenantId: string }[]> {
    const rows = await this.db
      .selectFrom('policy_simulation')
      .select(['simulation_id', 'tenant_id'])
      .where('completed_at', 'is', null)
      .execute();
    return rows.map((row) => ({ simulationId: row.simulation_id, tenantId: row.tenant_id }));
  }

  /** Takes one up. @returns null when it has ended, or there is none */
  async resume(simulationId: string): Promise<SimulationState | null> {
    const row = await this.db
      .updateTable('policy_simulation')
      .set({ status: 'running', started_at: sql<Date>`coalesce(started_at, now())` })
      .where('simulation_id', '=', simulationId)
      .where('status', 'in', openStatuses)
      .returningAll()
      .executeTakeFirst();
    if (!row) return null;
    return {
      simulation: toSimulation(row),
      document: row.document,
      after:
        row.after_at === null || row.after_id === null ? null : { at: row.after_at, requestId: row.after_id },
      report: await this.#read(row.tenant_id, simulationId, row.report),
    };
  }

  /**
   * A page more. Whoever has the simulation in hand beside another is told so by this.
   * @returns false when it has ended meanwhile, or somebody else has gone on with it
   */
  async advance(
    { simulationId, range }: Simulation,
    from: number,
    page: { readonly replayed: number; readonly after: PageEnd | null; readonly report: SimulationReport },
  ): Promise<boolean> {
    const bytes = Buffer.from(JSON.stringify(page.report));
    const report = await this.keys.encryptFor(range.tenantId, bytes, contextOf(simulationId));
    const { numUpdatedRows } = await asTenant(this.db, range.tenantId)
      .updateTable('policy_simulation')
      .set({
        replayed: page.replayed,
        report,
        ...(page.after
          ? { after_at: page.after.at, after_id: page.after.requestId }
          : { status: 'completed', completed_at: new Date(), document: noDocument }),
      })
      .where('simulation_id', '=', simulationId)
      .where('status', '=', 'running')
      .where('replayed', '=', from)
      .executeTakeFirstOrThrow();
    return numUpdatedRows === 1n;
  }

  /** @returns whether it was still open */
  async end(simulationId: string, status: 'failed' | 'cancelled', error: string | null): Promise<boolean> {
    const { numUpdatedRows } = await this.db
      .updateTable('policy_simulation')
      .set({ status, error, completed_at: new Date(), document: noDocument })
      .where('simulation_id', '=', simulationId)
      .where('status', 'in', openStatuses)
      .executeTakeFirstOrThrow();
    return numUpdatedRows === 1n;
  }

  async removeExpired(retentionDays: number): Promise<void> {
    await sql`
      delete from policy_simulation
      where completed_at is not null and created_at < now() - make_interval(days => ${retentionDays})`.execute(
      this.db,
    );
  }

  async #read(
    tenantId: string,
    simulationId: string,
    sealed: Buffer | null,
  ): Promise<SimulationReport | null> {
    if (sealed === null) return null;
    const bytes = await this.keys.decryptFor(tenantId, sealed, contextOf(simulationId));
    return simulationReportSchema.parse(JSON.parse(bytes.toString()));
  }
}

function contextOf(simulationId: string): string {
  return `policy_simulation/${simulationId}`;
}

function toSimulation(row: Pick<Selectable<PolicySimulationTable>, (typeof shown)[number]>): Simulation {
  return {
    simulationId: row.simulation_id,
    range: {
      tenantId: row.tenant_id,
      bundle: row.policy_bundle,
      since: row.since,
      until: row.until,
    },
    candidate: {
      version: row.candidate_version,
      digest: row.candidate_digest,
      stored: row.candidate_stored,
    },
    status: row.status,
    total: row.total,
    replayed: row.replayed,
    error: row.error,
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
  };
}
