import { Coalesced } from './coalesce';
import { asTenant, type Db } from './database';
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

/** A run that is not over. */
export interface OpenRun {
  readonly runId: string;
  readonly tenantId: string;
  readonly recovery: number;
}

/** Keys claimed or looked up by one statement. */
const mostAtOnce = 500;
/** After publication a run still writes its own end, and needs its key for it. */
const lastWordsMs = 3000;

/** Table `run_key` and the claims on it: what exists from before the start of a run to the end of its retention. */
export class Runs {
  readonly #claiming = new Coalesced(
    (asked: readonly { readonly claim: Claim; readonly runId: string }[]) => this.#claimAll(asked, this.db),
    mostAtOnce,
  );
  readonly #looking = new Coalesced((claims: readonly Claim[]) => this.#claimsOn(claims), mostAtOnce);

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

  /** What is recorded together when a tenant's jobs begin. */
  inTransaction<T>(tenantId: string, work: (tx: Db) => Promise<T>): Promise<T> {
    return asTenant(this.db, tenantId).transaction().execute(work);
  }

  /**
   * Claims a caller's key for a request, before anything is done for it. Outside a transaction the claims of one
   * turn are made together.
   * @returns false when another request holds it
   */
  async claim(claim: Claim, runId: string, tx?: Db): Promise<boolean> {
    if (tx) return (await this.claimAll([claim], runId, tx)).has(claim);
    return this.#claiming.ask({ claim, runId });
  }

  /** @returns those that no other request holds */
  async claimAll(claims: readonly Claim[], runId: string, tx: Db): Promise<Set<Claim>> {
    const asked = claims.map((claim) => ({ claim, runId }));
    const claimed = await this.#claimAll(asked, tx);
    return new Set(claims.filter((_claim, index) => claimed[index]));
  }

  async #claimAll(
    asked: readonly { readonly claim: Claim; readonly runId: string }[],
    db: Db,
  ): Promise<boolean[]> {
    const now = Date.now();
    // Of two with one key the first has it; in one order everywhere, so that two statements never wait for each other.
    const first = new Map(asked.toReversed().map((one) => [nameOf(one.claim), one]));
    const claimed = await db
      .insertInto('idempotency')
      .values(
        [...first]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([, { claim, runId }]) => ({
            tenant_id: claim.tenantId,
            route: claim.route,
            key_hash: claim.keyHash,
            fingerprint: claim.fingerprint,
            request_id: claim.requestId,
            run_id: runId,
            lease_until: new Date(leaseEnd(now)),
            expires_at: new Date(now + this.claimRetentionMs),
          })),
      )
      .onConflict((conflict) =>
        conflict
          .columns(['tenant_id', 'route', 'key_hash'])
          .doUpdateSet((eb) => ({
            fingerprint: eb.ref('excluded.fingerprint'),
            request_id: eb.ref('excluded.request_id'),
            run_id: eb.ref('excluded.run_id'),
            lease_until: eb.ref('excluded.lease_until'),
            expires_at: eb.ref('excluded.expires_at'),
          }))
          .where('idempotency.expires_at', '<', new Date(now)),
      )
      .returning('request_id')
      .execute();
    const holders = new Set(claimed.map((row) => row.request_id));
    return asked.map(({ claim }) => holders.has(claim.requestId));
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

  /** Who holds the key now; looks of one turn are made together. */
  claimOn(claim: Claim): Promise<HeldClaim | null> {
    return this.#looking.ask(claim);
  }

  async #claimsOn(claims: readonly Claim[]): Promise<(HeldClaim | null)[]> {
    const rows = await this.db
      .selectFrom('idempotency')
      .selectAll()
      .where((eb) =>
        eb(
          eb.refTuple('tenant_id', 'route', 'key_hash'),
          'in',
          claims.map(({ tenantId, route, keyHash }) => eb.tuple(tenantId, route, keyHash)),
        ),
      )
      .where('expires_at', '>', new Date())
      .execute();
    const held = new Map(
      rows.map((row) => [
        nameOf({ tenantId: row.tenant_id, route: row.route, keyHash: row.key_hash }),
        {
          fingerprint: row.fingerprint,
          requestId: row.request_id,
          runId: row.run_id,
          leaseExpired: row.lease_until.getTime() < Date.now(),
        },
      ]),
    );
    return claims.map((claim) => held.get(nameOf(claim)) ?? null);
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
  async *openLongerThan(ms: number, page: number): AsyncGenerator<OpenRun> {
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
    await this.db.deleteFrom('batch_answer').where('expires_at', '<', now).execute();
    await this.db.deleteFrom('kept_answer').where('expires_at', '<', now).execute();
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

function nameOf({ tenantId, route, keyHash }: Pick<Claim, 'tenantId' | 'route' | 'keyHash'>): string {
  return `${tenantId} ${route} ${keyHash.toString('hex')}`;
}
