import { Kysely, PostgresDialect } from 'kysely';
import { openPool, type StorePool } from './connections';
import { connectionFor } from './one-transaction';
import type { Database } from './schema';

export type Db = Kysely<Database>;

/** Opens a pool on a database that `migrate` has prepared. What it is asked is done by the service, which owns no table. */
export function openDatabase(url: string, poolSize: number): Db {
  return new OpenDatabase(openPool(url, poolSize));
}

/** For what only the owner of the tables may do. */
export function openAsOwner(url: string): Db {
  return new OpenDatabase(openPool(url, 1, { asLogin: true }));
}

/**
 * The database as a tenant sees it (docs/adr/0024): other tenants' rows are not there and cannot be written, whatever is
 * asked. It costs no more round trips than to ask the whole.
 * @param tenantId null: all of them, for a super admin
 */
export function asTenant(db: Db, tenantId: string | null): Db {
  if (tenantId === null) return db;
  if (!(db instanceof OpenDatabase)) throw new Error('a transaction is a tenant’s from its beginning');
  return new Kysely({ dialect: db.dialectOf(tenantId) });
}

class OpenDatabase extends Kysely<Database> {
  readonly #pool: StorePool;

  constructor(pool: StorePool) {
    super({ dialect: dialectOn(pool, null) });
    this.#pool = pool;
  }

  dialectOf(tenantId: string): PostgresDialect {
    return dialectOn(this.#pool, tenantId);
  }

  /** Also where only tenants have asked, of which Kysely knows nothing here. */
  override destroy(): Promise<void> {
    return this.#pool.end();
  }
}

function dialectOn(pool: StorePool, tenantId: string | null): PostgresDialect {
  const connect = () => connectionFor(() => pool.connect(), tenantId);
  return new PostgresDialect({ pool: { connect, end: () => pool.end() } });
}
