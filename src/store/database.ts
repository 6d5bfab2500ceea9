import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import type { Database } from './schema';

export type Db = Kysely<Database>;

const silenceMs = 5000;

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
    application_name: 'conclave',
  });
  // A server that goes away kills idle connections; the next query reports it to whoever asks.
  pool.on('error', () => undefined);
  // The pool listens only while a connection is idle; one that dies between two queries of a transaction must not end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
}
