import { type Selectable, sql } from 'kysely';
import type { ChangedBy } from '../contract/changed-by';
import type { StoredTenant, TenantRecord } from '../contract/tenants';
import { recordAudit } from './audit-log';
import { asTenant, type Db } from './database';
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
    const row = await one(asTenant(this.db, tenantId), tenantId);
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
    alongside = async () => undefined,
  }: {
    readonly tenantId: string;
    /** Absent: it stays as it is. */
    readonly name: string | undefined;
    readonly by: ChangedBy;
    readonly decide: (before: StoredTenant | null) => TenantRecord;
    /** Part of the same transaction. */
    readonly alongside?: (tx: Db) => Promise<void>;
  }): Promise<StoredTenant> {
    // Before the turn is taken: nobody waits for another connection while others wait for the turn.
    const known = await this.find(tenantId);
    const isGone = known?.status === 'deleted';
    const sealedName = isGone ? noName : await this.#seal(tenantId, name ?? known?.name ?? '');
    const db = asTenant(this.db, tenantId);
    const row = await db.transaction().execute(async (tx) => {
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
      await alongside(tx);
      await notify(tx, { kind: 'tenants_changed' });
      return written;
    });
    return this.#storedOf(row);
  }

  /** Of one that was erased leaves its id, and that it was deleted. */
  async blank(tenantId: string): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      await tx
        .updateTable('tenant')
        .set({
          status: 'deleted',
          name: noName,
          tier: 'free',
          quotas: '{}',
          rate_limit_per_minute: null,
          callback_hosts: null,
          auto_map_results: null,
          allow_async_conversion: null,
          worker_queue: null,
          updated_at: sql<Date>`now()`,
          revision: sql<string>`nextval('tenant_revision')`,
        })
        .where('tenant_id', '=', tenantId)
        .execute();
      await notify(tx, { kind: 'tenants_changed' });
    });
  }

  /** That of a deleted one went with its keys. */
  async #nameOf({ tenant_id: tenantId, status, name }: TenantRow): Promise<string> {
    if (status === 'deleted') return '(deleted)';
    return (await this.keys.decryptFor(tenantId, name, contextOf(tenantId))).toString();
  }

  #seal(tenantId: string, name: string): Promise<Buffer> {
    return this.keys.encryptFor(tenantId, Buffer.from(name), contextOf(tenantId));
  }

  async #storedOf(row: TenantRow): Promise<StoredTenant> {
    const { created_at, updated_at } = row;
    return { ...recordOf(row), name: await this.#nameOf(row), created_at, updated_at };
  }
}

/** Of one that is deleted. */
const noName = Buffer.alloc(0);

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
