import type { Db } from './database';
import type { KeyRing } from './key-ring';
import { leaseEnd } from './lease';

/** A claim that a caller's Idempotency-Key makes (spec/orchestration.md 6). Keys are stored hashed. */
export interface Claim {
  readonly tenantId: string;
  readonly route: string;
  readonly keyHash: Buffer;
  readonly fingerprint: Buffer;
  readonly requestId: string;
}

export interface HeldClaim {
  readonly fingerprint: Buffer;
  readonly requestId: string;
  readonly runId: string;
  readonly leaseExpired: boolean;
}

/** After publication a run still writes its own end, and needs its key for it. */
const lastWordsMs = 3000;

/** Table `run_key` and the claims on it: what exists from before the start of a run to the end of its retention. */
export class Runs {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    private readonly claimRetentionMs: number,
  ) {}

  /** Records a run with its data key; one that is recorded already stays as it is. */
  async open(runId: string, tenantId: string, recovery = 0, db: Db = this.db): Promise<void> {
    const { wrapped } = await this.keys.newRunKey(runId, tenantId);
    const opened = await db
      .insertInto('run_key')
      .values({ run_id: runId, tenant_id: tenantId, wrapped_key: wrapped, recovery })
      .onConflict((conflict) => conflict.doNothing())
      .returning('run_id')
      .execute();
    if (opened.length === 0) this.keys.forgetRunKey(runId);
  }

  /**
   * Claims a caller's key for a request, before anything is done for it.
   * @returns false when another request holds it
   */
  async claim(claim: Claim, runId: string, db: Db = this.db): Promise<boolean> {
    const now = Date.now();
    const row = {
      fingerprint: claim.fingerprint,
      request_id: claim.requestId,
      run_id: runId,
      lease_until: new Date(leaseEnd(now)),
      expires_at: new Date(now + this.claimRetentionMs),
    };
    const claimed = await db
      .insertInto('idempotency')
      .values({ tenant_id: claim.tenantId, route: claim.route, key_hash: claim.keyHash, ...row })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant_id', 'route', 'key_hash'])
          .doUpdateSet(row)
          .where('idempotency.expires_at', '<', new Date(now)),
      )
      .returning('run_id')
      .execute();
    return claimed.length === 1;
  }

  /**
   * Tells the claims of these requests which run serves them, and renews their leases.
   * @returns the requests that still hold their claims: of others they have been taken over
   */
  async assign(requestIds: readonly string[], runId: string): Promise<ReadonlySet<string>> {
    if (requestIds.length === 0) return new Set();
    const assigned = await this.db
      .updateTable('idempotency')
      .set({ run_id: runId, lease_until: new Date(leaseEnd(Date.now())) })
      .where('request_id', 'in', [...requestIds])
      .returning('request_id')
      .execute();
    return new Set(assigned.map((row) => row.request_id));
  }

  async releaseClaim(requestId: string): Promise<void> {
    await this.db.deleteFrom('idempotency').where('request_id', '=', requestId).execute();
  }

  async claimOn(claim: Claim): Promise<HeldClaim | null> {
    const row = await this.db
      .selectFrom('idempotency')
      .select(['fingerprint', 'request_id', 'run_id', 'lease_until'])
      .where('tenant_id', '=', claim.tenantId)
      .where('route', '=', claim.route)
      .where('key_hash', '=', claim.keyHash)
      .where('expires_at', '>', new Date())
      .executeTakeFirst();
    if (!row) return null;
    return {
      fingerprint: row.fingerprint,
      requestId: row.request_id,
      runId: row.run_id,
      leaseExpired: row.lease_until.getTime() < Date.now(),
    };
  }

  /** Undoes claim and {@link open} of a run that was never started: the key is free again, unless it has a new holder. */
  async abandon(runId: string): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      await tx.deleteFrom('idempotency').where('run_id', '=', runId).execute();
      await tx
        .deleteFrom('orchestration')
        .where('run_id', '=', runId)
        .where('status', '=', 'pending')
        .execute();
      await tx.deleteFrom('run_key').where('run_id', '=', runId).execute();
    });
    this.keys.forgetRunKey(runId);
  }

  /** Runs that should have been over, read so many at a time: for the sweeper. */
  async *openLongerThan(
    ms: number,
    page: number,
  ): AsyncGenerator<{ runId: string; tenantId: string; recovery: number }> {
    const before = new Date(Date.now() - ms);
    for (let last = ''; ;) {
      const rows = await this.db
        .selectFrom('run_key')
        .select(['run_id', 'tenant_id', 'recovery'])
        .where('closed_at', 'is', null)
        .where('bulk_id', 'is', null)
        .where('created_at', '<', before)
        .where('run_id', '>', last)
        .orderBy('run_id')
        .limit(page)
        .execute();
      for (const row of rows) yield { runId: row.run_id, tenantId: row.tenant_id, recovery: row.recovery };
      if (rows.length < page) return;
      last = rows.at(-1)!.run_id;
    }
  }

  /** A member goes on in another run. */
  async move(requestId: string, runId: string): Promise<void> {
    await this.db
      .updateTable('orchestration')
      .set({ run_id: runId })
      .where('request_id', '=', requestId)
      .execute();
    await this.db
      .updateTable('idempotency')
      .set({ run_id: runId })
      .where('request_id', '=', requestId)
      .execute();
  }

  async close(runId: string, destroyAt: Date, db: Db = this.db): Promise<void> {
    await db
      .updateTable('run_key')
      .set({ closed_at: new Date(), destroy_at: destroyAt })
      .where('run_id', '=', runId)
      .where('closed_at', 'is', null)
      .execute();
  }

  /** Destroys the keys whose time has come, with the payloads kept by reference. @returns how many */
  async destroyKeys(): Promise<number> {
    return this.db.transaction().execute(async (tx) => {
      const destroyed = await tx
        .updateTable('run_key')
        .set({ wrapped_key: null })
        .where('wrapped_key', 'is not', null)
        .where('destroy_at', '<=', new Date())
        .where('closed_at', '<=', new Date(Date.now() - lastWordsMs))
        .returning('run_id')
        .execute();
      const runIds = destroyed.map((row) => row.run_id);
      if (runIds.length > 0) await tx.deleteFrom('blob').where('run_id', 'in', runIds).execute();
      for (const runId of runIds) this.keys.forgetRunKey(runId);
      return runIds.length;
    });
  }

  /** Removes what is past its retention. */
  async removeExpired(): Promise<void> {
    const now = new Date();
    await this.db.deleteFrom('idempotency').where('expires_at', '<', now).execute();
    await this.db.deleteFrom('orchestration').where('expires_at', '<', now).execute();
    const runs = await this.db
      .deleteFrom('run_key')
      .where('wrapped_key', 'is', null)
      .where('destroy_at', '<', new Date(now.getTime() - this.claimRetentionMs))
      .returning('run_id')
      .execute();
    if (runs.length === 0) return;
    const runIds = runs.map((row) => row.run_id);
    await this.db.deleteFrom('member_result').where('run_id', 'in', runIds).execute();
  }
}
