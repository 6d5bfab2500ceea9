import { sql } from 'kysely';
import { internalError } from '../activities/error-answer';
import type { Member, RunInput } from '../contract/plan';
import type { Checkpoints } from '../store/checkpoints';
import type { Db } from '../store/database';
import { RunKeyDestroyedError } from '../store/key-ring';
import type { Outcome, Outcomes } from '../store/outcomes';
import type { Orchestrations } from '../store/orchestrations';
import type { OpenRun, Runs } from '../store/runs';
import { type RunGateway, StartUncertainError } from './run-gateway';

export interface SweeperDependencies {
  readonly db: Db;
  readonly runs: Runs;
  readonly outcomes: Outcomes;
  readonly orchestrations: Orchestrations;
  readonly checkpoints: Checkpoints;
  readonly gateway: RunGateway;
  readonly log: { warn(fields: object, message: string): void };
  /** Bulk jobs, which have a keeper of their own. */
  readonly bulk: { tend(): Promise<void> };
  /** Removes what others keep for a time. */
  readonly removeExpired: () => Promise<void>;
}

const endedWithout = 'the run of this orchestration ended without a result';
const sweepMs = 5000;
const housekeepingMs = 60_000;
const batch = 100;
/** One sweeper at a time in the whole installation. */
const lockId = 0x434f4e43;

/**
 * Finds runs that ended without publishing, whatever ended them: repeats their members alone once, then publishes
 * INTERNAL_ERROR (design.md 7, 16). Also destroys keys whose time has come and removes what is past its retention.
 */
export class Sweeper {
  #timer: NodeJS.Timeout | null = null;
  #sweeping: Promise<void> = Promise.resolve();
  #lastHousekeeping = 0;

  constructor(private readonly deps: SweeperDependencies) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping
        .then(() => this.sweep())
        .catch((error: unknown) => {
          this.deps.log.warn({ error }, 'sweep failed; the next comes in a moment');
        });
    }, sweepMs).unref();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#sweeping;
  }

  async sweep(): Promise<void> {
    await this.deps.db.connection().execute(async (connection) => {
      const { rows } = await sql<{
        locked: boolean;
      }>`select pg_try_advisory_lock(${lockId}) as locked`.execute(connection);
      if (!rows[0]?.locked) return;
      try {
        await this.#recoverRuns();
        await this.deps.runs.destroyKeys();
        await this.deps.bulk.tend();
        if (Date.now() - this.#lastHousekeeping > housekeepingMs) {
          this.#lastHousekeeping = Date.now();
          await this.deps.runs.removeExpired();
          await this.deps.removeExpired();
        }
      } finally {
        await sql`select pg_advisory_unlock(${lockId})`.execute(connection);
      }
    });
  }

  async #recoverRuns(): Promise<void> {
    // All of them: many that run on must not hide one that does not.
    for await (const run of this.deps.runs.openLongerThan(sweepMs, batch)) {
      try {
        const state = await this.deps.gateway.stateOf(run.runId, run.tenantId);
        if (state !== 'running') await this.#recover(run);
      } catch (error) {
        // One that cannot be recovered now must not keep the others from it.
        this.deps.log.warn({ run_id: run.runId, error }, 'a run could not be recovered yet');
      }
    }
  }

  async #recover({ runId, tenantId, recovery }: OpenRun): Promise<void> {
    this.deps.log.warn({ run_id: runId, recovery }, 'a run ended without publishing');
    const input = await this.#inputOf(runId, tenantId);
    if (!input) {
      // It never started, or nobody can read it: whoever waits for a job of it is told.
      await this.deps.outcomes.publish(runId, await this.#openJobs(runId));
      await this.deps.runs.abandon(runId);
      return;
    }
    const answered = await this.deps.orchestrations.finalAnswers(
      input.members.map((member) => member.request_id),
    );
    const lost = input.members.filter((member) => !answered.has(member.request_id));
    const rest = recovery === 0 ? await this.#repeatAlone(input, lost) : lost;
    await this.deps.outcomes.publish(
      runId,
      rest.map((member) => internalError(input.plan.tenant_id, member, endedWithout)),
    );
  }

  /** @returns the members for which no new run could be started */
  async #repeatAlone(input: RunInput, members: readonly Member[]): Promise<Member[]> {
    const failed: Member[] = [];
    if (members.length === 0) return failed;
    const finished = await this.deps.checkpoints.load(input.run_id, input.plan.tenant_id);
    for (const member of members) {
      // The same at every try: a sweeper that dies in between is followed by one that starts nothing twice.
      const runId = `repeat-${member.request_id}`;
      const bought = finished.filter(
        ({ requestId, result }) => requestId === member.request_id && result.status === 'success',
      );
      try {
        await this.deps.runs.open(runId, input.plan.tenant_id, 1);
        await this.deps.runs.move(member.request_id, runId);
        const repeated: RunInput = {
          ...input,
          run_id: runId,
          facade_id: null,
          recovery: 1,
          members: [{ ...member, prior_results: [...member.prior_results, ...bought.map((b) => b.result)] }],
        };
        await this.deps.gateway.start(repeated, Date.now() + sweepMs);
      } catch (error) {
        // It may run already, and the next sweep starts it again under the same id.
        if (error instanceof StartUncertainError) throw error;
        failed.push(member);
      }
    }
    return failed;
  }

  async #inputOf(runId: string, tenantId: string): Promise<RunInput | null> {
    try {
      return await this.deps.gateway.inputOf(runId, tenantId);
    } catch (error) {
      if (error instanceof RunKeyDestroyedError) return null;
      throw error;
    }
  }

  async #openJobs(runId: string): Promise<Outcome[]> {
    const rows = await this.deps.db
      .selectFrom('orchestration')
      .select(['request_id', 'tenant_id', 'created_at'])
      .where('run_id', '=', runId)
      .where('status', 'in', ['pending', 'running'])
      .execute();
    return rows.map((row) =>
      internalError(
        row.tenant_id,
        {
          request_id: row.request_id,
          correlation_id: row.request_id,
          received_at: row.created_at.getTime(),
        },
        endedWithout,
      ),
    );
  }
}
