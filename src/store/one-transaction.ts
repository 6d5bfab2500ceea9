import { AsyncLocalStorage } from 'node:async_hooks';
import type { PostgresPoolClient } from 'kysely';
import type { Db } from './database';

interface Shared {
  /** Null until the transaction has begun. */
  client: PostgresPoolClient | null;
  isOver: boolean;
  savepoints: number;
  readonly afterwards: (() => Promise<void>)[];
}

const current = new AsyncLocalStorage<Shared>();

/**
 * Does work whose statements, wherever they are made, are one transaction: whatever asks for a connection meanwhile gets
 * the one of the transaction, and what would be a transaction of its own becomes a savepoint in it. Work that does two of
 * those at a time fails: their savepoints would cross. Returns when what waits for the commit is done, too.
 */
export async function inOneTransaction<T>(db: Db, work: (tx: Db) => Promise<T>): Promise<T> {
  const shared: Shared = { client: null, isOver: false, savepoints: 0, afterwards: [] };
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

/** A connection for whoever asks: of the pool, unless this is part of {@link inOneTransaction}. */
export async function connectionFor(pool: () => Promise<PostgresPoolClient>): Promise<PostgresPoolClient> {
  const shared = current.getStore();
  if (!shared || shared.isOver) return pool();
  return shared.client ? within(shared, shared.client) : begun(shared, await pool());
}

function begun(shared: Shared, client: PostgresPoolClient): PostgresPoolClient {
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

function within(shared: Shared, client: PostgresPoolClient): PostgresPoolClient {
  const savepoint = `nested_${++shared.savepoints}`;
  const instead: Readonly<Record<string, string>> = {
    begin: `savepoint ${savepoint}`,
    commit: `release savepoint ${savepoint}`,
    rollback: `rollback to savepoint ${savepoint}`,
  };
  async function query(statement: string, parameters: unknown[]): Promise<unknown> {
    if (shared.isOver) throw new Error('the transaction that this was a part of is over');
    return client.query(instead[statement] ?? statement, parameters);
  }
  return { query: query as PostgresPoolClient['query'], release: () => undefined };
}
