import { type Selectable, sql } from 'kysely';
import type { CredentialChange } from '../contract/credentials';
import type { StoredTenant, TenantRecord } from '../contract/tenants';
import { recordAudit } from './audit-log';
import type { Db } from './database';
import type { KeyRing } from './key-ring';
import { notify, type Notifications } from './notifications';
import { Revisions } from './revisions';
import type { TenantTable } from './schema-tenants';

const lockId = 0x54454e54;

type TenantRow = Selectable<TenantTable>;

/** Table `tenant`. When a change returns, every process has been told of it. Names are encrypted for the tenant. */
export class TenantRecords {
  readonly #revisions: Revisions<TenantRow>;

  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    notifications: Pick<Notifications, 'ask'>,
  ) {
    this.#revisions = new Revisions(notifications, 'select * from tenant where revision > $1', lockId);
  }

  /** What has changed since it was asked last. */
  async news(): Promise<TenantRecord[]> {
    return (await this.#revisions.news()).map(recordOf);
  }

  async find(tenantId: string): Promise<StoredTenant | null> {
    const row = await one(this.db, tenantId);
    return row ? this.#storedOf(row) : null;
  }

  /** By id. */
  async list(): Promise<StoredTenant[]> {
    const rows = await this.db.selectFrom('tenant').selectAll().orderBy('tenant_id').execute();
    return Promise.all(rows.map((row) => this.#storedOf(row)));
  }

  /** @param decide what it is from now on. @throws what that throws; then nothing has changed */
  async change({
    tenantId,
    name,
    by,
    decide,
  }: {
    readonly tenantId: string;
    /** Absent: it stays as it is. */
    readonly name: string | undefined;
    readonly by: CredentialChange;
    readonly decide: (before: StoredTenant | null) => TenantRecord;
  }): Promise<StoredTenant> {
    // Before the turn is taken: nobody waits for another connection while others wait for the turn.
    const known = await this.find(tenantId);
    const sealedName = await this.#seal(tenantId, name ?? known?.name ?? '');
    const row = await this.db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const locked = await one(tx, tenantId);
      const before = locked ? await this.#storedOf(locked) : null;
      // A name must not get on record.
      const after = recordOf(decide(before));
      await recordAudit(tx, {
        tenant_id: tenantId,
        request_id: by.requestId,
        kind: 'tenant_change',
        record: {
          principal: by.principal,
          correlation_id: by.correlationId,
          renamed: name !== undefined && name !== before?.name,
          from: locked ? recordOf(locked) : null,
          to: after,
        },
      });
      const values = {
        ...columnsOf(after),
        name: name === undefined && locked ? locked.name : sealedName,
        updated_at: sql<Date>`now()`,
        revision: sql<string>`nextval('tenant_revision')`,
      };
      const written = await tx
        .insertInto('tenant')
        .values({ tenant_id: tenantId, ...values })
        .onConflict((conflict) => conflict.column('tenant_id').doUpdateSet(values))
        .returningAll()
        .executeTakeFirstOrThrow();
      await notify(tx, { kind: 'tenants_changed' });
      return written;
    });
    return this.#storedOf(row);
  }

  #seal(tenantId: string, name: string): Promise<Buffer> {
    return this.keys.encryptFor(tenantId, Buffer.from(name), contextOf(tenantId));
  }

  async #storedOf(row: TenantRow): Promise<StoredTenant> {
    const name = await this.keys.decryptFor(row.tenant_id, row.name, contextOf(row.tenant_id));
    const { created_at, updated_at } = row;
    return { ...recordOf(row), name: name.toString(), created_at, updated_at };
  }
}

function one(db: Db, tenantId: string): Promise<TenantRow | undefined> {
  return db.selectFrom('tenant').selectAll().where('tenant_id', '=', tenantId).executeTakeFirst();
}

function recordOf(row: TenantRecord): TenantRecord {
  return {
    tenant_id: row.tenant_id,
    status: row.status,
    tier: row.tier,
    quotas: row.quotas,
    rate_limit_per_minute: row.rate_limit_per_minute,
    callback_hosts: row.callback_hosts,
    auto_map_results: row.auto_map_results,
    allow_async_conversion: row.allow_async_conversion,
    worker_queue: row.worker_queue,
  };
}

function columnsOf({ tenant_id: _id, quotas, callback_hosts: hosts, ...rest }: TenantRecord) {
  return {
    ...rest,
    quotas: JSON.stringify(quotas),
    callback_hosts: hosts === null ? null : JSON.stringify(hosts),
  };
}

function contextOf(tenantId: string): string {
  return `tenant/name/${tenantId}`;
}
