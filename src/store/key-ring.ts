import { hkdfSync, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Db } from './database';
import { seal, unseal } from './sealed-box';

/** The run's data key is gone, and with it everything that was encrypted under it. */
export class RunKeyDestroyedError extends Error {
  override readonly name = 'RunKeyDestroyedError';
  constructor(runId: string) {
    super(`the key of run ${runId} has been destroyed: its retention is over`);
  }
}

class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
  constructor() {
    super(
      'What the database holds was encrypted under another master key.\n' +
        '  Remedy: give every process the same ORCHESTRATION_SECURITY__MASTER_KEY, or put keys/master.key back in the data folder',
    );
  }
}

const runKeyCacheMs = 60_000;

/**
 * Data keys: one per run for Temporal payloads, wrapped by the tenant's, which the master key wraps
 * (design.md 5). Unwrapped keys stay in memory for a minute at most after they were last fetched.
 */
export class KeyRing {
  readonly #master: Buffer;
  readonly #tenantKeys = new LRUCache<string, Buffer>({
    max: 10_000,
    fetchMethod: (tenantId) => this.#loadTenantKey(tenantId),
  });
  readonly #runKeys = new LRUCache<string, Buffer>({
    max: 20_000,
    ttl: runKeyCacheMs,
    fetchMethod: (runId) => this.#loadRunKey(runId),
  });
  /** For workflows that carry no member: children that mark failed jobs, schedules. */
  readonly serviceKey: Buffer;

  constructor(
    private readonly db: Db,
    master: Buffer,
  ) {
    this.#master = master;
    this.serviceKey = Buffer.from(hkdfSync('sha256', master, '', 'conclave/service-payloads', 32));
  }

  /** @throws MasterKeyError when what is stored was encrypted under another master key */
  async assertMasterKey(): Promise<void> {
    const stored = await this.db.selectFrom('tenant_key').selectAll().limit(1).executeTakeFirst();
    if (stored === undefined) return;
    try {
      unseal(this.#master, stored.wrapped_key, `tenant_key/${stored.tenant_id}`);
    } catch {
      throw new MasterKeyError();
    }
  }

  async tenantKey(tenantId: string): Promise<Buffer> {
    return (await this.#tenantKeys.fetch(tenantId))!;
  }

  /** A fresh key for a run, usable at once in this process; `wrapped` is to be stored with the run. */
  async newRunKey(runId: string, tenantId: string): Promise<{ wrapped: Buffer }> {
    const key = randomBytes(32);
    this.#runKeys.set(runId, key);
    return { wrapped: seal(await this.tenantKey(tenantId), key, `run_key/${runId}`) };
  }

  /**
   * @returns null when there is no such run
   * @throws RunKeyDestroyedError
   */
  async runKey(runId: string): Promise<Buffer | null> {
    return (await this.#runKeys.fetch(runId)) ?? null;
  }

  async encryptFor(tenantId: string, plaintext: Uint8Array, context: string): Promise<Buffer> {
    return seal(await this.tenantKey(tenantId), plaintext, context);
  }

  async decryptFor(tenantId: string, sealed: Uint8Array, context: string): Promise<Buffer> {
    return unseal(await this.tenantKey(tenantId), sealed, context);
  }

  forgetRunKey(runId: string): void {
    this.#runKeys.delete(runId);
  }

  async #loadTenantKey(tenantId: string): Promise<Buffer> {
    const context = `tenant_key/${tenantId}`;
    const fresh = randomBytes(32);
    await this.db
      .insertInto('tenant_key')
      .values({ tenant_id: tenantId, wrapped_key: seal(this.#master, fresh, context) })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const row = await this.db
      .selectFrom('tenant_key')
      .select('wrapped_key')
      .where('tenant_id', '=', tenantId)
      .executeTakeFirstOrThrow();
    return unseal(this.#master, row.wrapped_key, context);
  }

  async #loadRunKey(runId: string): Promise<Buffer | undefined> {
    const row = await this.db
      .selectFrom('run_key')
      .select(['tenant_id', 'wrapped_key'])
      .where('run_id', '=', runId)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    if (row.wrapped_key === null) throw new RunKeyDestroyedError(runId);
    return unseal(await this.tenantKey(row.tenant_id), row.wrapped_key, `run_key/${runId}`);
  }
}
