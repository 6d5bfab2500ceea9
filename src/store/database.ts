import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import { openPool, type StorePool } from './connections';
import { connectionFor } from './one-transaction';
import type { Database } from './schema';

export type Db = Kysely<Database>;

type Connect = (tenantId: string | null) => Promise<PostgresPoolClient>;

const connects = new WeakMap<Db, Connect>();

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
 * asked. It costs no more than to ask the whole.
 * @param tenantId null: all of them, for a super admin
 */
export function asTenant(db: Db, tenantId: string | null): Db {
  if (tenantId === null) return db;
  const connect = connects.get(db);
  if (!connect) throw new Error('a transaction is a tenant’s from its beginning');
  return databaseWith({ connect: () => connect(tenantId), end: async () => undefined });
}

function databaseOn(pool: StorePool): Db {
  const connect: Connect = (tenantId) => connectionFor(() => pool.connect(), tenantId);
  const db = databaseWith({ connect: () => connect(null), end: () => pool.end() });
  connects.set(db, connect);
  return db;
}

function databaseWith(pool: PostgresPool): Db {
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
}
