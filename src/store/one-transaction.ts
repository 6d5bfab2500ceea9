import { AsyncLocalStorage } from 'node:async_hooks';
import type { PostgresPoolClient } from 'kysely';
import type { StoreClient } from './connections';
import type { Db } from './database';
import { becoming } from './tenant-sql';

interface Shared {
  /** Null until the transaction has begun. */
  client: StoreClient | null;
  isOver: boolean;
  savepoints: number;
  /** Whose rows alone the transaction sees now. Null: those of all, as the service. */
  tenantId: string | null;
  readonly afterwards: (() => Promise<void>)[];
}

const nothing = { command: '', rowCount: 0, rows: [] };

const current = new AsyncLocalStorage<Shared>();

/**
 * Does work whose statements, wherever they are made, are one transaction: whatever asks for a connection meanwhile gets
 * the one of the transaction, and what would be a transaction of its own becomes a savepoint in it. Work that does two of
 * those at a time fails: their savepoints would cross. Returns when what waits for the commit is done, too.
 */
export async function inOneTransaction<T>(db: Db, work: (tx: Db) => Promise<T>): Promise<T> {
  const shared: Shared = { client: null, isOver: false, savepoints: 0, tenantId: null, afterwards: [] };
  const result = await current.run(shared, () => db.transaction().execute(work));
  // In their order, as without a transaction. The change is made: what fails here must not say that it was not.
  for (const task of shared.afterwards) await task().catch(() => undefined);
  return result;
}

/**
 * Does what must see only what is committed, because others take part in it or because all of this process goes by it: at
 * once, or after the commit of {@link inOneTransaction}.
 */
export async function whenCommitted(task: () => Promise<void>): Promise<void> {
  const shared = current.getStore();
  if (!shared || shared.isOver) await task();
  else shared.afterwards.push(() => current.exit(task));
}

/** Does what is not of {@link inOneTransaction}, such as writing what others wait for: it lasts whatever becomes of that. */
export function apart<T>(work: () => Promise<T>): Promise<T> {
  return current.exit(work);
}

/**
 * A connection for whoever asks: of the pool, unless this is part of {@link inOneTransaction}.
 * @param tenantId whose rows alone it sees; null: the service's
 */
export async function connectionFor(
  pool: () => Promise<StoreClient>,
  tenantId: string | null,
): Promise<PostgresPoolClient> {
  const shared = current.getStore();
  if (shared?.client && !shared.isOver) return within(shared, shared.client, tenantId);
  const isFirst = shared !== undefined && !shared.isOver;
  if (isFirst && tenantId !== null) throw new Error('one transaction of several is the service’s');
  const client = await pool();
  if (isFirst) return begun(shared, client);
  return tenantId === null ? client : tenants(client, tenantId);
}

function begun(shared: Shared, client: StoreClient): PostgresPoolClient {
  shared.client = client;
  const query = (statement: string, parameters: unknown[]): Promise<unknown> =>
    client.query(statement, parameters);
  return {
    query: query as PostgresPoolClient['query'],
    release() {
      shared.isOver = true;
      client.release();
    },
  };
}

/** Whose the transaction is goes with it, as the database undoes settings that are local to it. */
function tenants(client: StoreClient, tenantId: string): PostgresPoolClient {
  let isOpen = false;
  async function begin(): Promise<unknown> {
    isOpen = true;
    try {
      return await client.query(`begin; ${becoming(tenantId)}`, []);
    } catch (error) {
      // Nobody rolls back what has not begun.
      await client.query('rollback', []).catch(() => undefined);
      throw error;
    }
  }
  async function query(statement: string, parameters: unknown[]): Promise<unknown> {
    if (statement === 'begin') return begin();
    return isOpen ? client.query(statement, parameters) : client.queryAs(tenantId, statement, parameters);
  }
  return { query: query as PostgresPoolClient['query'], release: () => client.release() };
}

function within(shared: Shared, client: StoreClient, tenantId: string | null): PostgresPoolClient {
  const savepoint = `nested_${++shared.savepoints}`;
  const before = shared.tenantId;
  let isOpen = false;
  async function turnInto(who: string | null): Promise<void> {
    if (shared.tenantId === who) return;
    shared.tenantId = who;
    await client.query(becoming(who), []);
  }
  /** A savepoint that is released leaves settings as they are; one that is rolled back to takes them back. */
  const instead: Readonly<Record<string, () => Promise<void>>> = {
    async begin() {
      isOpen = true;
      await client.query(`savepoint ${savepoint}`, []);
      await turnInto(tenantId);
    },
    async commit() {
      await turnInto(before);
      await client.query(`release savepoint ${savepoint}`, []);
    },
    async rollback() {
      shared.tenantId = before;
      await client.query(`rollback to savepoint ${savepoint}`, []);
    },
  };
  /** Others may ask at the same time: what turns the session goes with the statement, what turns it back is next in the line. */
  async function alone(statement: string, parameters: unknown[]): Promise<unknown> {
    const now = shared.tenantId;
    if (now === tenantId) return client.query(statement, parameters);
    const line = [client.queryAs(tenantId, statement, parameters), client.query(becoming(now), [])];
    return (await Promise.all(line))[0];
  }
  async function query(statement: string, parameters: unknown[]): Promise<unknown> {
    if (shared.isOver) throw new Error('the transaction that this was a part of is over');
    const other = instead[statement];
    if (!other) return isOpen ? client.query(statement, parameters) : alone(statement, parameters);
    await other();
    return nothing;
  }
  return { query: query as PostgresPoolClient['query'], release: () => undefined };
}
