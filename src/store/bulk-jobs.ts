import { sql } from 'kysely';
import type { BulkStatus } from '../contract/bulk';
import type { Asked } from '../contract/plan';
import { recordAudit } from './audit-log';
import { recordCallbacks } from './callbacks';
import { asTenant, type Db } from './database';
import type { KeyRing } from './key-ring';
import { notify } from './notifications';
import type { Claim, Runs } from './runs';

interface BulkOrigin {
  readonly bulkId: string;
  readonly tenantId: string;
  readonly parentBulkId: string | null;
  readonly correlationId: string;
  readonly traceparent: string | null;
  /** Null: of an earlier release. */
  readonly asked: Asked | null;
  readonly createdAt: Date;
}

export interface NewBulkJob extends BulkOrigin {
  /** Whom it calls back; null: nobody. */
  readonly callbackUrl: string | null;
}

export interface BulkJob extends BulkOrigin {
  readonly status: BulkStatus;
  readonly items: number;
  /** Items with an outcome, by what it is; refused lines count as failed. */
  readonly outcomes: Readonly<Record<'completed' | 'partial' | 'failed' | 'cancelled', number>>;
  readonly refused: number;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

/** How long a facade that uploads is taken to be alive after it was last heard of. */
const leaseMs = 30_000;

/** Table `bulk_job` as clients and the upload see it. The key of a job's requests is a run key under the job's id. */
export class BulkJobs {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    private readonly runs: Runs,
    private readonly retentionMs: number,
  ) {}

  /** Opens a job to upload into. @returns what is in the way: another holder of the key, or too many open jobs */
  async begin(
    job: NewBulkJob,
    claim: Claim | null,
    maxOpen: number,
  ): Promise<'begun' | 'key_held' | 'too_many'> {
    const { wrapped } = await this.keys.newRunKey(job.bulkId, job.tenantId);
    const db = asTenant(this.db, job.tenantId);
    const outcome = await db.transaction().execute(async (tx) => {
      if (claim !== null && !(await this.runs.claim(claim, job.bulkId, tx))) return 'key_held';
      const { open } = await tx
        .selectFrom('bulk_job')
        .select(sql<number>`count(*)::int`.as('open'))
        .where('tenant_id', '=', job.tenantId)
        .where('completed_at', 'is', null)
        .executeTakeFirstOrThrow();
      if (open >= maxOpen) {
        await tx.deleteFrom('idempotency').where('request_id', '=', uuidOf(job.bulkId)).execute();
        return 'too_many';
      }
      await tx
        .insertInto('bulk_job')
        .values({
          bulk_id: job.bulkId,
          tenant_id: job.tenantId,
          parent_bulk_id: job.parentBulkId,
          status: 'uploading',
          correlation_id: job.correlationId,
          traceparent: job.traceparent,
          asked: JSON.stringify(job.asked),
          lease_until: new Date(Date.now() + leaseMs),
          created_at: job.createdAt,
          expires_at: new Date(job.createdAt.getTime() + this.retentionMs),
        })
        .execute();
      await tx
        .insertInto('run_key')
        .values({
          run_id: job.bulkId,
          tenant_id: job.tenantId,
          wrapped_key: wrapped,
          bulk_id: job.bulkId,
        })
        .execute();
      const { bulkId: callbackId, tenantId, callbackUrl: url } = job;
      if (url !== null) await recordCallbacks(tx, this.keys, [{ callbackId, tenantId, url }]);
      return 'begun';
    });
    if (outcome !== 'begun') this.keys.forgetRunKey(job.bulkId);
    return outcome;
  }

  /** @returns false when the job has been taken for abandoned and is gone */
  async renewLease(bulkId: string): Promise<boolean> {
    const renewed = await this.db
      .updateTable('bulk_job')
      .set({ lease_until: new Date(Date.now() + leaseMs) })
      .where('bulk_id', '=', bulkId)
      .where('status', '=', 'uploading')
      .returning('bulk_id')
      .execute();
    return renewed.length === 1;
  }

  /** The upload is whole: from here on the job is kept whatever happens. @throws when it is gone */
  async finishUpload(bulkId: string, items: number, fingerprint: Buffer): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      const job = await tx
        .updateTable('bulk_job')
        .set({ status: 'pending', items, lease_until: null })
        .where('bulk_id', '=', bulkId)
        .where('status', '=', 'uploading')
        .returning('tenant_id')
        .executeTakeFirstOrThrow();
      await tx
        .updateTable('idempotency')
        .set({ fingerprint })
        .where('request_id', '=', uuidOf(bulkId))
        .execute();
      await audit(tx, job.tenant_id, bulkId, { status: 'pending', items });
    });
  }

  /** Removes a job whose upload will not become whole. */
  async discard(bulkId: string): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      const gone = await tx
        .deleteFrom('bulk_job')
        .where('bulk_id', '=', bulkId)
        .where('status', '=', 'uploading')
        .returning('bulk_id')
        .execute();
      if (gone.length === 0) return;
      await tx.deleteFrom('run_key').where('run_id', '=', bulkId).execute();
      await tx.deleteFrom('idempotency').where('request_id', '=', uuidOf(bulkId)).execute();
    });
    this.keys.forgetRunKey(bulkId);
  }

  /** Whether the upload of a job goes on, is whole, or was given up by its facade. */
  async uploadState(bulkId: string): Promise<'running' | 'whole' | 'abandoned'> {
    const job = await this.db
      .selectFrom('bulk_job')
      .select(['status', 'lease_until'])
      .where('bulk_id', '=', bulkId)
      .executeTakeFirst();
    if (!job) return 'abandoned';
    if (job.status !== 'uploading') return 'whole';
    return (job.lease_until?.getTime() ?? 0) < Date.now() ? 'abandoned' : 'running';
  }

  /** @returns null when there is none, or its upload is not whole */
  async job(bulkId: string, tenantId: string | null): Promise<BulkJob | null> {
    const sum = (column: string) => sql<number>`coalesce(sum(${sql.ref(column)}), 0)::int`;
    const row = await asTenant(this.db, tenantId)
      .selectFrom('bulk_job')
      .leftJoin('bulk_chunk', 'bulk_chunk.bulk_id', 'bulk_job.bulk_id')
      .selectAll('bulk_job')
      .select([
        sum('bulk_chunk.completed').as('completed'),
        sum('bulk_chunk.partial').as('partial'),
        sum('bulk_chunk.failed').as('failed'),
        sum('bulk_chunk.cancelled').as('cancelled'),
        sum('bulk_chunk.refused').as('refused'),
      ])
      .where('bulk_job.bulk_id', '=', bulkId)
      .groupBy('bulk_job.bulk_id')
      .executeTakeFirst();
    if (!row || row.status === 'uploading') return null;
    const { completed, partial, cancelled, refused } = row;
    return {
      bulkId: row.bulk_id,
      tenantId: row.tenant_id,
      parentBulkId: row.parent_bulk_id,
      correlationId: row.correlation_id,
      traceparent: row.traceparent,
      asked: row.asked,
      status: row.status,
      items: row.items,
      outcomes: { completed, partial, failed: row.failed + refused, cancelled },
      refused,
      createdAt: row.created_at,
      startedAt: row.started_at,
      completedAt: row.completed_at,
    };
  }

  /** @returns whether the job is now paused */
  pause(bulkId: string, tenantId: string): Promise<boolean> {
    return this.#change(bulkId, tenantId, ['pending', 'running', 'paused'], 'paused');
  }

  /** @returns whether the job may now run */
  async resume(bulkId: string, tenantId: string): Promise<boolean> {
    return (
      (await this.#change(bulkId, tenantId, ['paused'], 'running')) ||
      (await this.#is(bulkId, tenantId, ['pending', 'running']))
    );
  }

  /** @returns ids of the runs of chunks that are at work, slices left out */
  async openChunks(bulkId: string): Promise<string[]> {
    const rows = await this.db
      .selectFrom('run_key')
      .select('run_id')
      .where('bulk_id', '=', bulkId)
      .where('closed_at', 'is', null)
      .where('run_id', '!=', bulkId)
      .where('run_id', 'not like', '%/%')
      .execute();
    return rows.map(({ run_id }) => run_id);
  }

  /** A cancelled job frees its key. @returns whether the job is now cancelled */
  async cancel(bulkId: string, tenantId: string): Promise<boolean> {
    const open: readonly BulkStatus[] = ['pending', 'running', 'paused'];
    return (
      (await this.#change(bulkId, tenantId, open, 'cancelled')) || this.#is(bulkId, tenantId, ['cancelled'])
    );
  }

  async #is(bulkId: string, tenantId: string, statuses: readonly BulkStatus[]): Promise<boolean> {
    const job = await asTenant(this.db, tenantId)
      .selectFrom('bulk_job')
      .select('bulk_id')
      .where('bulk_id', '=', bulkId)
      .where('status', 'in', statuses)
      .executeTakeFirst();
    return job !== undefined;
  }

  #change(bulkId: string, tenantId: string, from: readonly BulkStatus[], to: BulkStatus): Promise<boolean> {
    const db = asTenant(this.db, tenantId);
    return db.transaction().execute(async (tx) => {
      const changed = await tx
        .updateTable('bulk_job')
        .set({ status: to })
        .where('bulk_id', '=', bulkId)
        .where('status', 'in', from)
        .where('completed_at', 'is', null)
        .returning('bulk_id')
        .executeTakeFirst();
      if (!changed) return false;
      if (to === 'cancelled') {
        await tx.deleteFrom('idempotency').where('request_id', '=', uuidOf(bulkId)).execute();
      }
      await audit(tx, tenantId, bulkId, { status: to, decided_by: 'caller' });
      await notify(tx, { kind: 'bulk', bulk_id: bulkId });
      return true;
    });
  }
}

/** Bulk ids are `bulk-` and a UUID; claims and audit know them by the UUID. */
function uuidOf(bulkId: string): string {
  return bulkId.slice('bulk-'.length);
}

export async function audit(db: Db, tenantId: string, bulkId: string, record: object): Promise<void> {
  await recordAudit(db, { tenant_id: tenantId, request_id: uuidOf(bulkId), kind: 'bulk', record });
}
