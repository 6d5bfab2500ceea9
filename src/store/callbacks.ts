import { type Selectable, sql } from 'kysely';
import type { CallbackDelivery, ListedCallback } from '../contract/callback';
import type { CallbackFault, CallbackState, CallbackStatus } from '../contract/callback-state';
import { recordAudit } from './audit-log';
import { asTenant, type Db } from './database';
import type { KeyRing } from './key-ring';
import type { Notices } from './notices';
import { notify } from './notifications';
import type { CallbackTable } from './schema';

/** A job that names whom to call back. */
export interface NamedCallback {
  /** The job's, or the bulk job's. */
  readonly callbackId: string;
  readonly tenantId: string;
  readonly url: string;
  /** Of the orchestration; absent for a bulk job. */
  readonly requestId?: string;
}

/** An attempt that has begun. */
export interface CallbackAttempt {
  readonly url: string;
  /** How many it makes, with those before it, since the start or the last replay. */
  readonly number: number;
}

/** What an attempt came to. */
export interface AttemptResult {
  readonly httpStatus: number | null;
  readonly fault: CallbackFault | null;
}

/** So long a delivery that was handed over, or is due, may take before it is taken for lost. */
const graceSeconds = 120;

/** Records whom jobs call back, as part of the transaction that records the jobs. */
export async function recordCallbacks(tx: Db, keys: KeyRing, named: readonly NamedCallback[]): Promise<void> {
  if (named.length === 0) return;
  const rows = await Promise.all(
    named.map(async ({ callbackId, tenantId, url, requestId }) => ({
      callback_id: callbackId,
      tenant_id: tenantId,
      ...(requestId === undefined ? { bulk_id: callbackId } : { request_id: requestId }),
      url: await keys.encryptFor(tenantId, Buffer.from(url), contextOf(callbackId)),
    })),
  );
  await tx.insertInto('callback').values(rows).execute();
}

/** Table `callback`: what is still to be delivered, and what became of the rest. */
export class Callbacks {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    private readonly notices: Pick<Notices, 'record'>,
  ) {}

  /** Takes some of jobs that have ended; what is taken and not delivered comes up again. */
  async takeDue(limit: number): Promise<CallbackDelivery[]> {
    const { rows } = await sql<CallbackDelivery>`
      update callback set look_at = now() + make_interval(secs => ${graceSeconds})
      where callback_id in (
        select callback.callback_id from callback
        left join orchestration using (request_id)
        left join bulk_job using (bulk_id)
        where callback.status = 'pending' and look_at <= now()
          and (orchestration.status not in ('pending', 'running') or bulk_job.completed_at is not null)
        order by look_at limit ${limit} for update of callback skip locked
      )
      returning callback_id, tenant_id, replays`.execute(this.db);
    return rows;
  }

  /** Nobody could be told to deliver these: they are due again. */
  async handBack(callbackIds: readonly string[]): Promise<void> {
    await this.db
      .updateTable('callback')
      .set({ look_at: sql<Date>`now()` })
      .where('callback_id', 'in', [...callbackIds])
      .where('status', '=', 'pending')
      .execute();
  }

  /** @returns null when there is nothing to deliver any more, or a later replay sees to it */
  async begin(delivery: CallbackDelivery): Promise<CallbackAttempt | null> {
    const row = await this.db
      .updateTable('callback')
      .set((eb) => ({
        attempts: eb('attempts', '+', 1),
        last_attempt_at: sql<Date>`now()`,
        next_attempt_at: null,
        look_at: sql<Date>`now() + make_interval(secs => ${graceSeconds})`,
      }))
      .where('callback_id', '=', delivery.callback_id)
      .where('replays', '=', delivery.replays)
      .where('status', '=', 'pending')
      .returning(['url', 'tenant_id', 'attempts', 'attempts_before'])
      .executeTakeFirst();
    if (!row) return null;
    const url = await this.keys.decryptFor(row.tenant_id, row.url, contextOf(delivery.callback_id));
    return { url: url.toString(), number: row.attempts - row.attempts_before };
  }

  async settle(
    delivery: CallbackDelivery,
    status: Exclude<CallbackStatus, 'pending'>,
    { httpStatus, fault }: AttemptResult,
  ): Promise<void> {
    const { callback_id: subject, tenant_id } = delivery;
    await this.db.transaction().execute(async (tx) => {
      const settled = await write(tx, delivery, {
        status,
        http_status: httpStatus,
        error: fault,
        next_attempt_at: null,
        ...(status === 'delivered' && { delivered_at: new Date() }),
      });
      // Who has cancelled it knows.
      if (!settled || status === 'delivered' || fault === 'cancelled') return;
      await this.notices.record(tx, [{ event: 'callback_given_up', tenant_id, subject, reason: fault }]);
    });
  }

  async postpone(
    delivery: CallbackDelivery,
    waitMs: number,
    { httpStatus, fault }: AttemptResult,
  ): Promise<void> {
    const next = Date.now() + waitMs;
    await write(this.db, delivery, {
      http_status: httpStatus,
      error: fault,
      next_attempt_at: new Date(next),
      look_at: new Date(next + graceSeconds * 1000),
    });
  }

  /** Delivers again what has been delivered or given up; what is still on its way goes on. */
  async replay(callbackId: string, tenantId: string | null): Promise<void> {
    const db = asTenant(this.db, tenantId);
    await db.transaction().execute(async (tx) => {
      const replayed = await tx
        .updateTable('callback')
        .set((eb) => ({
          status: 'pending',
          replays: eb('replays', '+', 1),
          attempts_before: eb.ref('attempts'),
          look_at: sql<Date>`now()`,
        }))
        .where('callback_id', '=', callbackId)
        .where('status', '<>', 'pending')
        .returning(['tenant_id', 'replays'])
        .executeTakeFirst();
      if (!replayed) return;
      await recordAudit(tx, {
        tenant_id: replayed.tenant_id,
        // Ids of jobs and bulk jobs are a word and a UUID.
        request_id: callbackId.slice(callbackId.indexOf('-') + 1),
        kind: 'callback',
        record: { action: 'replayed', id: callbackId, replays: replayed.replays },
      });
      await notify(tx, { kind: 'callback_due' });
    });
  }

  /** Null for a tenant: all; for a status: any. Newest first. */
  async list(
    tenantId: string | null,
    status: CallbackStatus | null,
    { limit, before }: { readonly limit: number; readonly before: string | null },
  ): Promise<{ readonly listed: ListedCallback[]; readonly total: number; readonly next: string | null }> {
    let matching = asTenant(this.db, tenantId).selectFrom('callback');
    if (tenantId !== null) matching = matching.where('tenant_id', '=', tenantId);
    if (status !== null) matching = matching.where('status', '=', status);
    const page = before === null ? matching : matching.where('sequence', '<', before);
    const [rows, { total }] = await Promise.all([
      page
        .selectAll()
        .orderBy('sequence', 'desc')
        .limit(limit + 1)
        .execute(),
      matching.select(sql<number>`count(*)::int`.as('total')).executeTakeFirstOrThrow(),
    ]);
    const shown = rows.slice(0, limit);
    return {
      listed: shown.map((row) => ({ id: row.callback_id, tenant_id: row.tenant_id, ...toState(row) })),
      total,
      next: rows.length > limit ? shown.at(-1)!.sequence : null,
    };
  }

  /** @returns null when it names nobody */
  async urlOf(callbackId: string): Promise<string | null> {
    const row = await this.db
      .selectFrom('callback')
      .select(['url', 'tenant_id'])
      .where('callback_id', '=', callbackId)
      .executeTakeFirst();
    if (!row) return null;
    return (await this.keys.decryptFor(row.tenant_id, row.url, contextOf(callbackId))).toString();
  }

  async stateOf(callbackId: string, tenantId: string | null): Promise<CallbackState | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('callback')
      .selectAll()
      .where('callback_id', '=', callbackId)
      .executeTakeFirst();
    return row ? toState(row) : null;
  }
}

/** @returns whether there was something to write to */
async function write(
  db: Db,
  { callback_id, replays }: CallbackDelivery,
  change: Partial<Selectable<CallbackTable>>,
): Promise<boolean> {
  const written = await db
    .updateTable('callback')
    .set(change)
    .where('callback_id', '=', callback_id)
    .where('replays', '=', replays)
    .where('status', '=', 'pending')
    .returning('callback_id')
    .executeTakeFirst();
  return written !== undefined;
}

function toState(row: Selectable<CallbackTable>): CallbackState {
  return {
    status: row.status,
    attempts: row.attempts,
    replays: row.replays,
    last_attempt_at: row.last_attempt_at?.toISOString() ?? null,
    next_attempt_at: row.next_attempt_at?.toISOString() ?? null,
    delivered_at: row.delivered_at?.toISOString() ?? null,
    http_status: row.http_status,
    error: row.error,
  };
}

function contextOf(callbackId: string): string {
  return `callback/url/${callbackId}`;
}
