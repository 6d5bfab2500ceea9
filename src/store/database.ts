import { type Dialect, Kysely, PostgresDialect } from 'kysely';
import { openPool, type StorePool } from './connections';
import { connectionFor } from './one-transaction';
import type { Database } from './schema';

export type Db = Kysely<Database>;

/** Opens a pool on a database that `migrate` has prepared. What it is asked is done by the service, which owns no table. */
export function openDatabase(url: string, poolSize: number): Db {
  return databaseOn(openPool(url, poolSize));
}

/** For what only the owner of the tables may do. */
export function openAsOwner(url: string): Db {
  return databaseOn(openPool(url, 1, { asLogin: true }));
}

/**
 * The database as a tenant sees it (docs/adr/0024): other tenants' rows are not there and cannot be written, whatever is
 * asked. It costs no more round trips than to ask the whole.
 * @param tenantId null: all of them, for a super admin
 */
export function asTenant(db: Db, tenantId: string | null): Db {
  if (tenantId === null) return db;
  if (!(db instanceof TenantsDatabase)) throw new Error('a transaction is a tenant’s from its beginning');
  return new Kysely({ dialect: db.dialectOf(tenantId) });
}

export class TenantsDatabase extends Kysely<Database> {
  constructor(
    readonly dialectOf: (tenantId: string | null) => Dialect,
    private readonly end: () => Promise<void>,
  ) {
    super({ dialect: dialectOf(null) });
  }

  /** Also where only tenants have asked, of which Kysely knows nothing here. */
  override destroy(): Promise<void> {
    return this.end();
  }
}

function databaseOn(pool: StorePool): Db {
  const end = () => pool.end();
  return new TenantsDatabase(
    (tenantId) =>
      new PostgresDialect({
        pool: { connect: () => connectionFor(() => pool.connect(), tenantId), end },
      }),
    end,
  );
}
