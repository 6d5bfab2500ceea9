import { randomBytes } from 'node:crypto';
import { everyTenant } from './audit-log';
import type { Db } from './database';
import { Fetched } from './fetched';
import type { MasterKeys } from './master-keys';
import { hear, type Notifications } from './notifications';
import { Revisions } from './revisions';
import { unseal } from './sealed-box';
import { keyVersionIn, openUnder, sealUnder, type VersionedKey } from './sealed-form';
import { keyLockId, TenantKeyDestroyedError, TenantKeys } from './tenant-keys';

/** The run's data key is gone, and with it everything that was encrypted under it. */
export class RunKeyDestroyedError extends Error {
  override readonly name = 'RunKeyDestroyedError';
  constructor(runId: string) {
    super(`the key of run ${runId} has been destroyed: its retention is over`);
  }
}

const runKeyCacheMs = 60_000;
const lookEveryMs = 1000;

/**
 * Data keys: one per run for Temporal payloads, wrapped by the tenant's, which a master key wraps (design.md 5, ADR 25).
 * Unwrapped keys of runs stay in memory for a minute at most after they were last fetched, those of tenants until they change.
 */
export class KeyRing {
  /** What is stored of them: versions are added, and all are destroyed, there. */
  readonly tenantKeys: TenantKeys;
  readonly #tenants = new Fetched<readonly VersionedKey[]>((tenantId) => this.tenantKeys.of(tenantId), {
    max: 10_000,
  });
  readonly #runs = new Fetched<Buffer>((runId) => this.#loadRunKey(runId), {
    max: 20_000,
    ttl: runKeyCacheMs,
  });

  readonly #tenantsOfRuns = new Fetched<string>((runId) => this.#loadTenantOfRun(runId), {
    max: 1000,
    ttl: runKeyCacheMs,
  });

  constructor(
    private readonly db: Db,
    masters: MasterKeys,
  ) {
    this.tenantKeys = new TenantKeys(db, masters);
  }

  /** @throws MasterKeyError when what is stored was encrypted under a master key that is not held here */
  async open(): Promise<void> {
    await this.tenantKeys.assertReadable();
    await this.serviceKey();
  }

  /** Forgets keys that change, in this process or another, within a moment. @returns what ends that */
  follow(notifications: Pick<Notifications, 'on' | 'ask'>): () => void {
    const revisions = new Revisions<{ readonly tenant_id: string; readonly destroyed: boolean }>(
      notifications,
      'select tenant_id, destroyed_at is not null as destroyed, revision from tenant_key where revision > $1',
      keyLockId,
    );
    const look = async (): Promise<void> => {
      for (const { tenant_id: tenantId, destroyed } of await revisions.news()) {
        this.#tenants.forget(tenantId);
        if (destroyed) this.#runs.forgetAll();
      }
    };
    // What fails is looked for again a moment later.
    const tryToLook = (): void => void look().catch(() => undefined);
    hear(notifications, 'keys_changed', tryToLook);
    const timer = setInterval(tryToLook, lookEveryMs).unref();
    return () => clearInterval(timer);
  }

  /** For workflows that carry no member: children that mark failed jobs, schedules. */
  serviceKey(): Promise<Buffer> {
    return this.digestKey(everyTenant);
  }

  /** What a tenant's digests are made with. It is the same for ever, or what was found by them is lost. */
  async digestKey(tenantId: string): Promise<Buffer> {
    return (await this.#tenants.get(tenantId))![0]!.key;
  }

  /** A fresh key for a run, usable at once in this process; `wrapped` is to be stored with the run. */
  async newRunKey(runId: string, tenantId: string): Promise<{ wrapped: Buffer }> {
    const key = randomBytes(32);
    this.#runs.put(runId, key);
    return { wrapped: await this.encryptFor(tenantId, key, `run_key/${runId}`) };
  }

  /**
   * @returns null when there is no such run
   * @throws RunKeyDestroyedError
   */
  runKey(runId: string): Promise<Buffer | null> {
    return this.#runs.get(runId);
  }

  /** Whose run it is or was; null when there is no such run. */
  tenantOfRun(runId: string): Promise<string | null> {
    return this.#tenantsOfRuns.get(runId);
  }

  /** @throws TenantKeyDestroyedError */
  async encryptFor(tenantId: string, plaintext: Uint8Array, place: string): Promise<Buffer> {
    const newest = (await this.#tenants.get(tenantId))!.at(-1)!;
    return sealUnder(newest, tenantId, plaintext, place);
  }

  /** @throws TenantKeyDestroyedError */
  async decryptFor(tenantId: string, sealed: Uint8Array, place: string): Promise<Buffer> {
    const version = keyVersionIn(sealed);
    if (version === null) return unseal(await this.digestKey(tenantId), sealed, place);
    return openUnder(await this.#version(tenantId, version), tenantId, sealed, place);
  }

  forgetRunKey(runId: string): void {
    this.#runs.forget(runId);
  }

  async #version(tenantId: string, version: number): Promise<VersionedKey> {
    const known = await this.#tenants.get(tenantId);
    const among = (keys: readonly VersionedKey[] | null) => keys?.find((key) => key.version === version);
    const found = among(known);
    if (found) return found;
    // Another process has made it a moment ago.
    this.#tenants.forget(tenantId);
    const made = among(await this.#tenants.get(tenantId));
    if (made) return made;
    throw new Error(`tenant ${tenantId} has no key of version ${version}`);
  }

  async #loadTenantOfRun(runId: string): Promise<string | null> {
    const row = await this.db
      .selectFrom('run_key')
      .select('tenant_id')
      .where('run_id', '=', runId)
      .executeTakeFirst();
    return row?.tenant_id ?? null;
  }

  async #loadRunKey(runId: string): Promise<Buffer | null> {
    const row = await this.db
      .selectFrom('run_key')
      .select(['tenant_id', 'wrapped_key'])
      .where('run_id', '=', runId)
      .executeTakeFirst();
    if (row === undefined) return null;
    if (row.wrapped_key === null) throw new RunKeyDestroyedError(runId);
    try {
      return await this.decryptFor(row.tenant_id, row.wrapped_key, `run_key/${runId}`);
    } catch (error) {
      throw error instanceof TenantKeyDestroyedError ? new RunKeyDestroyedError(runId) : error;
    }
  }
}
