import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import { DatabaseError, Pool, type PoolClient } from 'pg';
import { connectionFor } from './one-transaction';
import type { Database } from './schema';

export type Db = Kysely<Database>;

const silenceMs = 5000;
/** A process that went silent in the middle of its work must not hold its locks for as long as TCP may take to notice. */
const deadPeer = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

/** Opens a pool on the database; connections are made when first needed. */
export function openDatabase(url: string, poolSize: number): Db {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 60_000,
    statement_timeout: 30_000,
    // Of our side: a server that has gone silent, not one that is slow.
    query_timeout: silenceMs,
    idle_in_transaction_session_timeout: 2 * silenceMs,
    options: deadPeer,
    keepAlive: true,
    application_name: 'conclave',
  });
  // A server that goes away kills idle connections; the next query reports it to whoever asks.
  pool.on('error', () => undefined);
  // The pool listens only while a connection is idle; one that dies between two queries of a transaction must not end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: inStep(pool) }) });
}

/**
 * A connection that owes an answer is given up: what it holds back, such as a `begin` that arrives late, would become
 * part of the next caller's work, which then is never committed.
 */
function inStep(pool: Pool): PostgresPool {
  const known = new WeakMap<PoolClient, PostgresPoolClient>();
  return {
    connect: () =>
      connectionFor(async () => {
        const client = await pool.connect();
        const guarded = known.get(client) ?? givenUpWhenSilent(client);
        known.set(client, guarded);
        return guarded;
      }),
    end: () => pool.end(),
  };
}

function givenUpWhenSilent(client: PoolClient): PostgresPoolClient {
  let owing = false;
  async function query(statement: string, parameters: unknown[]): Promise<unknown> {
    try {
      return await client.query(statement, parameters);
    } catch (error) {
      owing ||= !(error instanceof DatabaseError);
      throw error;
    }
  }
  return { query: query as PostgresPoolClient['query'], release: () => client.release(owing) };
}
