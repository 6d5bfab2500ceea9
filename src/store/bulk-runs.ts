import { sql } from 'kysely';
import { chunkRunId, type NextBulkChunk, sliceRunId } from '../contract/bulk-run';
import type { Asked } from '../contract/plan';
import { audit } from './bulk-jobs';
import type { Db } from './database';
import type { KeyRing } from './key-ring';
import { notify } from './notifications';
import type { Runs } from './runs';

export interface BulkRunSettings {
  readonly contentRetentionMs: number;
  readonly answerRetentionMs: number;
}

/** What all items of a job have in common. */
export interface BulkIdentity {
  readonly tenantId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  /** Null: of an earlier release. */
  readonly asked: Asked | null;
}

/** More than a chunk can have. */
const maxSlices = 256;

export interface OpenBulkJob {
  readonly bulkId: string;
  readonly tenantId: string;
  /** It has still to end. */
  readonly isCancelled: boolean;
}

/** Bulk jobs as their workflows and their keeper see them. */
export class BulkRuns {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    private readonly runs: Runs,
    private readonly settings: BulkRunSettings,
  ) {}

  /** The first chunk after `after` that is not settled; a job that waited is running from now on. */
  async next(bulkId: string, after: number, token: string): Promise<NextBulkChunk> {
    const job = await this.db
      .selectFrom('bulk_job')
      .select(['tenant_id', 'status', 'started_at'])
      .where('bulk_id', '=', bulkId)
      .executeTakeFirst();
    if (!job || job.status === 'completed' || job.status === 'cancelled') {
      return { state: 'cancelled', next: null };
    }
    const row = await this.db
      .selectFrom('bulk_chunk')
      .select('chunk')
      .where('bulk_id', '=', bulkId)
      .where('chunk', '>', after)
      .where('settled_at', 'is', null)
      .orderBy('chunk')
      .limit(1)
      .executeTakeFirst();
    if (!row) return { state: 'running', next: null };
    if (job.status === 'paused') return { state: 'paused', next: null };
    if (job.started_at === null) await this.#markStarted(bulkId);
    const runId = chunkRunId(bulkId, row.chunk, token);
    await this.open(bulkId, job.tenant_id, runId);
    return { state: 'running', next: { bulk_id: bulkId, chunk: row.chunk, run_id: runId } };
  }

  /** Opens the key of a run that works for a bulk job; one that is open already stays as it is. */
  async open(bulkId: string, tenantId: string, runId: string): Promise<void> {
    const { wrapped } = await this.keys.newRunKey(runId, tenantId);
    const opened = await this.db
      .insertInto('run_key')
      .values({ run_id: runId, tenant_id: tenantId, wrapped_key: wrapped, bulk_id: bulkId })
      .onConflict((conflict) => conflict.doNothing())
      .returning('run_id')
      .execute();
    if (opened.length === 0) this.keys.forgetRunKey(runId);
  }

  async reopen(bulkId: string, runId: string, failedRunId: string): Promise<void> {
    await this.close(failedRunId);
    await this.open(bulkId, (await this.identityOf(bulkId)).tenantId, runId);
  }

  /** The end of a chunk's run: what its slices have kept in the store goes at once, its key later. */
  async close(runId: string, db: Db = this.db): Promise<void> {
    const slices = Array.from({ length: maxSlices }, (_, slice) => sliceRunId(runId, slice));
    await db
      .deleteFrom('member_result')
      .where(sql<boolean>`run_id = any(${sql.val(slices)}::text[])`)
      .execute();
    await this.runs.close(runId, this.#destroyAt(), db);
  }

  /** Counts what became of a chunk's items. @returns how many have no outcome */
  async settle(bulkId: string, chunk: number, runId: string): Promise<number> {
    return this.db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ unanswered: number }>`
        with tally as (
          select (count(*) filter (where o.status = 'completed' and o.http_status <> 206))::int as completed,
                 (count(*) filter (where o.status = 'completed' and o.http_status = 206))::int as partial,
                 (count(*) filter (where o.status = 'failed'))::int as failed,
                 (count(*) filter (where o.status = 'cancelled'))::int as cancelled,
                 (count(*) - count(o.request_id))::int - c.refused as unanswered
          from bulk_chunk c cross join unnest(c.request_ids) as item (request_id)
          left join orchestration o on o.request_id = item.request_id and o.status not in ('pending', 'running')
          where c.bulk_id = ${bulkId} and c.chunk = ${chunk}::int
          group by c.refused
        )
        update bulk_chunk set completed = tally.completed, partial = tally.partial, failed = tally.failed,
          cancelled = tally.cancelled,
          settled_at = case when unanswered = 0 then coalesce(settled_at, now()) end
        from tally
        where bulk_id = ${bulkId} and chunk = ${chunk}::int
        returning tally.unanswered`.execute(tx);
      await this.close(runId, tx);
      await notify(tx, { kind: 'bulk', bulk_id: bulkId });
      return rows[0]?.unanswered ?? 0;
    });
  }

  /** The end of a job: items without an outcome are cancelled, the keys of all its runs go after their retention. */
  async finish(bulkId: string, cancelled: boolean): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      const job = await tx
        .updateTable('bulk_job')
        .set({
          status: sql`case when ${cancelled} or status = 'cancelled' then 'cancelled' else 'completed' end`,
          started_at: sql`coalesce(started_at, now())`,
          completed_at: new Date(),
          expires_at: new Date(Date.now() + this.settings.answerRetentionMs),
        })
        .where('bulk_id', '=', bulkId)
        .where('completed_at', 'is', null)
        .returning(['tenant_id', 'status'])
        .executeTakeFirst();
      if (!job) return;
      await sql`
        update bulk_chunk set settled_at = now(),
          cancelled = cardinality(request_ids) - refused - completed - partial - failed
        where bulk_id = ${bulkId} and settled_at is null`.execute(tx);
      const open = await tx
        .selectFrom('run_key')
        .select('run_id')
        .where('bulk_id', '=', bulkId)
        .where('closed_at', 'is', null)
        .execute();
      for (const { run_id } of open) await this.close(run_id, tx);
      await audit(tx, job.tenant_id, bulkId, { status: job.status, decided_by: 'run' });
      await notify(tx, { kind: 'bulk', bulk_id: bulkId });
    });
  }

  async identityOf(bulkId: string): Promise<BulkIdentity> {
    const job = await this.db
      .selectFrom('bulk_job')
      .select(['tenant_id', 'correlation_id', 'traceparent', 'asked'])
      .where('bulk_id', '=', bulkId)
      .executeTakeFirstOrThrow();
    return {
      tenantId: job.tenant_id,
      correlationId: job.correlation_id,
      traceparent: job.traceparent,
      asked: job.asked,
    };
  }

  /** Jobs that something should be running for, oldest first. */
  async openJobs(olderThanMs: number): Promise<OpenBulkJob[]> {
    const rows = await this.db
      .selectFrom('bulk_job')
      .select(['bulk_id', 'tenant_id', 'status'])
      .where('completed_at', 'is', null)
      .where('status', '<>', 'uploading')
      .where('created_at', '<', new Date(Date.now() - olderThanMs))
      .orderBy('created_at')
      .execute();
    return rows.map((row) => ({
      bulkId: row.bulk_id,
      tenantId: row.tenant_id,
      isCancelled: row.status === 'cancelled',
    }));
  }

  /** Uploads whose facade has died. */
  async abandonedUploads(): Promise<string[]> {
    const rows = await this.db
      .selectFrom('bulk_job')
      .select('bulk_id')
      .where('status', '=', 'uploading')
      .where('lease_until', '<', new Date())
      .execute();
    return rows.map((row) => row.bulk_id);
  }

  /** Removes requests whose key is gone, and jobs that are past their retention. */
  async removeExpired(): Promise<void> {
    await sql`
      update bulk_chunk set requests = null, planned = null from run_key
      where run_key.run_id = bulk_chunk.bulk_id and run_key.wrapped_key is null and requests is not null
    `.execute(this.db);
    await this.db
      .deleteFrom('bulk_job')
      .where('completed_at', 'is not', null)
      .where('expires_at', '<', new Date())
      .execute();
  }

  async #markStarted(bulkId: string): Promise<void> {
    await this.db
      .updateTable('bulk_job')
      .set({ status: 'running', started_at: new Date() })
      .where('bulk_id', '=', bulkId)
      .where('started_at', 'is', null)
      .where('status', 'in', ['pending', 'running'])
      .execute();
  }

  #destroyAt(): Date {
    return new Date(Date.now() + this.settings.contentRetentionMs);
  }
}
