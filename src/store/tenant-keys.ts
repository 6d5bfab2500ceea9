import { hkdfSync, randomBytes } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import { MasterKeyError, type MasterKeys } from './master-keys';
import { notify } from './notifications';
import { apart } from './one-transaction';
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

/** A key that is not what it was, or cannot be opened; the message names no key. */
export class KeyVerificationError extends Error {
  override readonly name = 'KeyVerificationError';
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
    const inUse = await this.#inUse(this.db);
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
    this.masters.get((await this.#inUse(this.db)) ?? masterKeyId);
  }

  /** The master key that wraps. */
  async masterInUse(): Promise<string> {
    return (await this.#inUse(this.db)) ?? this.masters.ids[0]!;
  }

  /** The first of those that are held here and never were in use; null: there is none. */
  async nextMaster(): Promise<string | null> {
    this.masters.reread();
    const used = await this.db.selectFrom('master_key').select('key_id').execute();
    return this.masters.ids.find((id) => !used.some((row) => row.key_id === id)) ?? null;
  }

  async #inUse(db: Db): Promise<string | null> {
    const row = await db
      .selectFrom('master_key')
      .select('key_id')
      .where('replaced_at', 'is', null)
      .executeTakeFirst();
    return row?.key_id ?? null;
  }

  /**
   * All versions, the oldest first; one that has none is given its first, which lasts: this process seals by it from now
   * on, whatever becomes of the change that asked for it.
   * @throws TenantKeyDestroyedError
   */
  of(tenantId: string): Promise<readonly VersionedKey[]> {
    return apart(() => this.#lasting(tenantId));
  }

  async #lasting(tenantId: string): Promise<readonly VersionedKey[]> {
    const known = await this.#read(tenantId);
    if (known.length > 0) return known;
    const first = tenantId === everyTenant ? (id: string) => this.#serviceKey(id) : () => randomBytes(32);
    await inKeysTurn(this.db, (tx) => this.#insert(tx, tenantId, 1, first));
    return this.#read(tenantId);
  }

  /**
   * Null: it has none, and is not given one.
   * @throws TenantKeyDestroyedError
   */
  async newestVersion(tenantId: string): Promise<number | null> {
    return (await this.#rows(tenantId)).at(-1)?.version ?? null;
  }

  /**
   * A new version, under which is sealed from now on: with the commit, which comes when all versions have been opened as
   * they are stored.
   * @param noted writes what is to be known of it, in the same transaction
   * @returns its number
   * @throws KeyVerificationError, and all is as it was
   */
  async addVersion(
    tenantId: string,
    change: KeyChange,
    noted: (tx: Db, version: number) => Promise<void> = async () => undefined,
  ): Promise<number> {
    return this.#change(async (tx) => {
      const version = ((await this.#rows(tenantId, tx)).at(-1)?.version ?? 0) + 1;
      const key = randomBytes(32);
      await this.#insert(tx, tenantId, version, () => key);
      await this.#verify(tx, tenantId, key);
      await tx
        .updateTable('tenant_key')
        .set({ revision: nextRevision })
        .where('tenant_id', '=', tenantId)
        .execute();
      await audit(tx, tenantId, change, { what: 'tenant_key_rotated', version });
      await noted(tx, version);
      return version;
    });
  }

  /** What there is, for operators. */
  async figures() {
    const masters = await this.db
      .selectFrom('master_key')
      .select(['key_id', 'used_at', 'replaced_at'])
      .select(
        sql<number>`(select count(*)::int from tenant_key
          where master_key_id = key_id and wrapped_key is not null)`.as('wraps'),
      )
      .orderBy('used_at', 'desc')
      .execute();
    const tenants = await this.db
      .selectFrom('tenant_key')
      .select([
        sql<number>`(count(distinct tenant_id) filter (where wrapped_key is not null))::int`.as('tenants'),
        sql<number>`(count(*) filter (where wrapped_key is not null))::int`.as('versions'),
        sql<number>`(count(distinct tenant_id) filter (where wrapped_key is null))::int`.as(
          'destroyed_tenants',
        ),
      ])
      .where('tenant_id', '<>', everyTenant)
      .executeTakeFirstOrThrow();
    return {
      masters: masters.map((row) => ({
        keyId: row.key_id,
        usedAt: row.used_at,
        replacedAt: row.replaced_at,
        wraps: row.wraps,
      })),
      tenants,
    };
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

  /** Every process hears of it with the commit. */
  async #change<T>(work: (tx: Db) => Promise<T>): Promise<T> {
    return inKeysTurn(this.db, async (tx) => {
      const result = await work(tx);
      await notify(tx, { kind: 'keys_changed' });
      return result;
    });
  }

  async #insert(
    db: Db,
    tenantId: string,
    version: number,
    make: (masterKeyId: string) => Buffer,
  ): Promise<void> {
    const masterKeyId = (await this.#inUse(db)) ?? this.masters.ids[0]!;
    const wrapped = seal(
      this.masters.get(masterKeyId),
      make(masterKeyId),
      wrappingContext(tenantId, version),
    );
    await db
      .insertInto('tenant_key')
      .values({ tenant_id: tenantId, version, wrapped_key: wrapped, master_key_id: masterKeyId })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async #read(tenantId: string): Promise<VersionedKey[]> {
    const rows = await this.#rows(tenantId);
    return rows.map((row) => ({ version: row.version, key: this.#opened(row).key }));
  }

  async #rows(tenantId: string, db = this.db): Promise<KeyRow[]> {
    const rows = await db
      .selectFrom('tenant_key')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('version')
      .execute();
    if (rows.some((row) => row.wrapped_key === null)) throw new TenantKeyDestroyedError(tenantId);
    return rows;
  }

  /** What was sealed can be read with the old ones, and what will be with the newest. */
  async #verify(tx: Db, tenantId: string, newest: Buffer): Promise<void> {
    let last: Buffer | undefined;
    for (const row of await this.#rows(tenantId, tx)) last = this.#verified(row);
    if (!last?.equals(newest)) {
      throw new KeyVerificationError(`the new key of tenant ${tenantId} is not stored as it was made`);
    }
  }

  #verified(row: KeyRow): Buffer {
    try {
      return this.#opened(row).key;
    } catch {
      const { version, tenant_id: tenantId } = row;
      throw new KeyVerificationError(`version ${version} of the key of tenant ${tenantId} cannot be opened`);
    }
  }

  #opened(row: KeyRow): { readonly masterKeyId: string; readonly key: Buffer } {
    const context = wrappingContext(row.tenant_id, row.version);
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
export function wrappingContext(tenantId: string, version: number): string {
  return version === 1 ? `tenant_key/${tenantId}` : `tenant_key/${tenantId}/${version}`;
}

/** A transaction, one after the other with all who change keys, or what wraps them. */
export function inKeysTurn<T>(db: Db, work: (tx: Db) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${keyLockId})`.execute(tx);
    return work(tx);
  });
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
