import { hkdfSync, randomBytes } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import { MasterKeyError, type MasterKeys } from './master-keys';
import { notify } from './notifications';
import type { TenantKeyTable } from './schema-keys';
import type { VersionedKey } from './sealed-form';
import { seal, unseal } from './sealed-box';

/** The keys of a tenant are gone, and with them everything that was encrypted for it. */
export class TenantKeyDestroyedError extends Error {
  override readonly name = 'TenantKeyDestroyedError';
  constructor(tenantId: string) {
    super(`the keys of tenant ${tenantId} have been destroyed, and with them what was encrypted for it`);
  }
}

/** Something of the tenant still runs, and would end the process that cannot read it any more. */
export class TenantBusyError extends Error {
  override readonly name = 'TenantBusyError';
  constructor(tenantId: string) {
    super(`runs of tenant ${tenantId} are open: its keys can be destroyed when they have ended`);
  }
}

/** Who has keys changed. */
export interface KeyChange {
  readonly principal: string;
  readonly requestId: string;
}

type KeyRow = Selectable<TenantKeyTable>;

/** Whoever changes keys takes it. */
export const keyLockId = 0x4b455953;
/** After publication a run still writes its own end, and needs its key for it. */
const lastWordsSeconds = 5;

/** Table `tenant_key`: data keys of tenants, each version wrapped by a master key. */
export class TenantKeys {
  constructor(
    private readonly db: Db,
    private readonly masters: MasterKeys,
  ) {}

  /**
   * Makes sure that what is stored can be read here, and that one master key is in use everywhere.
   * @throws MasterKeyError
   */
  async assertReadable(): Promise<void> {
    const inUse = await this.#masterInUse();
    if (inUse === null) await this.#use(await this.#firstMaster());
    else this.masters.get(inUse);
    const wrappedBy = await this.db
      .selectFrom('tenant_key')
      .select('master_key_id')
      .distinct()
      .where('wrapped_key', 'is not', null)
      .execute();
    for (const { master_key_id: id } of wrappedBy) if (id !== null) this.masters.get(id);
  }

  /** Of the first tenant that there is a key of; before there is any, the first that is held. */
  async #firstMaster(): Promise<string> {
    const stored = await this.db
      .selectFrom('tenant_key')
      .selectAll()
      .where('wrapped_key', 'is not', null)
      .limit(1)
      .executeTakeFirst();
    return stored ? this.#opened(stored).masterKeyId : this.masters.ids[0]!;
  }

  async #use(masterKeyId: string): Promise<void> {
    await this.db
      .insertInto('master_key')
      .values({ key_id: masterKeyId })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    // Another may have been the first.
    this.masters.get((await this.#masterInUse()) ?? masterKeyId);
  }

  async #masterInUse(): Promise<string | null> {
    const row = await this.db
      .selectFrom('master_key')
      .select('key_id')
      .where('replaced_at', 'is', null)
      .executeTakeFirst();
    return row?.key_id ?? null;
  }

  /**
   * All versions, the oldest first; one that has none is given its first.
   * @throws TenantKeyDestroyedError
   */
  async of(tenantId: string): Promise<readonly VersionedKey[]> {
    const known = await this.#read(tenantId);
    if (known.length > 0) return known;
    const first = tenantId === everyTenant ? (id: string) => this.#serviceKey(id) : () => randomBytes(32);
    await this.#insert(this.db, tenantId, 1, first);
    return this.#read(tenantId);
  }

  /** A new version, under which is sealed from now on. @returns its number */
  async addVersion(tenantId: string, change: KeyChange): Promise<number> {
    const version = (await this.of(tenantId)).at(-1)!.version + 1;
    await this.#change(async (tx) => {
      await this.#insert(tx, tenantId, version, () => randomBytes(32));
      await tx
        .updateTable('tenant_key')
        .set({ revision: nextRevision })
        .where('tenant_id', '=', tenantId)
        .execute();
      await audit(tx, tenantId, change, { what: 'tenant_key_rotated', version });
    });
    return version;
  }

  /**
   * Makes all that is sealed for a tenant unreadable, everywhere within a second. It never has a key again.
   * @throws TenantBusyError while something of it runs
   */
  async destroy(tenantId: string, change: KeyChange): Promise<void> {
    await this.#change(async (tx) => {
      const open = await tx
        .selectFrom('run_key')
        .select('run_id')
        .where('tenant_id', '=', tenantId)
        .where('wrapped_key', 'is not', null)
        .where(
          sql<boolean>`closed_at is null or closed_at > now() - make_interval(secs => ${lastWordsSeconds})`,
        )
        .limit(1)
        .executeTakeFirst();
      if (open) throw new TenantBusyError(tenantId);
      const gone = { wrapped_key: null, previous_wrapped_key: null, previous_master_key_id: null };
      // One that never had a key must not be given one later.
      await tx
        .insertInto('tenant_key')
        .values({ tenant_id: tenantId, version: 1, ...gone, destroyed_at: new Date() })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await tx
        .updateTable('tenant_key')
        .set({ ...gone, destroyed_at: sql<Date>`coalesce(destroyed_at, now())`, revision: nextRevision })
        .where('tenant_id', '=', tenantId)
        .execute();
      await audit(tx, tenantId, change, { what: 'tenant_keys_destroyed' });
    });
  }

  /** In turn with all others who change keys; every process hears of it with the commit. */
  async #change(work: (tx: Db) => Promise<void>): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(${keyLockId})`.execute(tx);
      await work(tx);
      await notify(tx, { kind: 'keys_changed' });
    });
  }

  async #insert(
    db: Db,
    tenantId: string,
    version: number,
    make: (masterKeyId: string) => Buffer,
  ): Promise<void> {
    const masterKeyId = (await this.#masterInUse()) ?? this.masters.ids[0]!;
    const wrapped = seal(this.masters.get(masterKeyId), make(masterKeyId), contextOf(tenantId, version));
    await db
      .insertInto('tenant_key')
      .values({ tenant_id: tenantId, version, wrapped_key: wrapped, master_key_id: masterKeyId })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async #read(tenantId: string): Promise<VersionedKey[]> {
    const rows = await this.db
      .selectFrom('tenant_key')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('version')
      .execute();
    if (rows.some((row) => row.wrapped_key === null)) throw new TenantKeyDestroyedError(tenantId);
    return rows.map((row) => ({ version: row.version, key: this.#opened(row).key }));
  }

  #opened(row: KeyRow): { readonly masterKeyId: string; readonly key: Buffer } {
    const context = contextOf(row.tenant_id, row.version);
    if (row.master_key_id !== null) {
      const key = unseal(this.masters.get(row.master_key_id), row.wrapped_key!, context);
      return { masterKeyId: row.master_key_id, key };
    }
    // From before keys said what they are wrapped by.
    for (const masterKeyId of this.masters.ids) {
      try {
        return { masterKeyId, key: unseal(this.masters.get(masterKeyId), row.wrapped_key!, context) };
      } catch {
        // Then by another.
      }
    }
    throw new MasterKeyError();
  }

  /** What it was while it was not stored: histories of that time stay readable, whatever the master key is later. */
  #serviceKey(masterKeyId: string): Buffer {
    const master = this.masters.get(masterKeyId);
    return Buffer.from(hkdfSync('sha256', master, '', 'conclave/service-payloads', 32));
  }
}

const nextRevision = sql<string>`nextval('tenant_key_revision')`;

/** The first is bound as it was while there was but one. */
function contextOf(tenantId: string, version: number): string {
  return version === 1 ? `tenant_key/${tenantId}` : `tenant_key/${tenantId}/${version}`;
}

async function audit(
  tx: Db,
  tenantId: string,
  { principal, requestId }: KeyChange,
  record: object,
): Promise<void> {
  await recordAudit(tx, {
    tenant_id: tenantId,
    request_id: requestId,
    kind: 'key_change',
    record: { principal, ...record },
  });
}
