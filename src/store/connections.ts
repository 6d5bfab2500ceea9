import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { DatabaseError, Pool, type PoolClient } from 'pg';
import { serviceRole } from '../contract/database-roles';
import { refusesTheService, RowSecurityError } from './row-security-error';
import { queryAsTenant } from './tenant-sql';

const silenceMs = 5000;
/** A process that went silent in the middle of its work must not hold its locks for as long as TCP may take to notice. */
const deadPeer = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

/** A connection that may have a statement of its own be done as a tenant, in no more time. */
export interface StoreClient extends PostgresPoolClient {
  queryAs(tenantId: string | null, statement: string, parameters: readonly unknown[]): Promise<unknown>;
}

export interface StorePool extends PostgresPool {
  connect(): Promise<StoreClient>;
}

/** Connections are made when first needed; whoever wants one is the service and, but for `asLogin`, never the tables' owner. */
export function openPool(url: string, size: number, { asLogin = false } = {}): StorePool {
  const pool = new Pool({
    ...(asLogin ? sessionOf(url, deadPeer) : serviceSession(url)),
    max: size,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 60_000,
    statement_timeout: 30_000,
    // Of our side: a server that has gone silent, not one that is slow.
    query_timeout: silenceMs,
    idle_in_transaction_session_timeout: 2 * silenceMs,
    keepAlive: true,
    application_name: 'conclave',
  });
  // A server that goes away kills idle connections; the next query reports it to whoever asks.
  pool.on('error', () => undefined);
  // The pool listens only while a connection is idle; one that dies between two queries of a transaction must not end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return inStep(pool);
}

/** How to connect so that the session is the service's from its first statement on, and again after each `reset role`. */
export function serviceSession(url: string): { readonly connectionString: string; readonly options: string } {
  return sessionOf(url, `${deadPeer} -c role=${serviceRole}`);
}

/** What the address itself asks of the session stays; alone, it would take the place of what we ask. */
function sessionOf(url: string, ours: string) {
  const address = new URL(url);
  const theirs = address.searchParams.get('options');
  address.searchParams.delete('options');
  return { connectionString: address.href, options: theirs === null ? ours : `${theirs} ${ours}` };
}

/**
 * A connection that owes an answer is given up: what it holds back, such as a `begin` that arrives late, would become
 * part of the next caller's work, which then is never committed.
 */
function inStep(pool: Pool): StorePool {
  const known = new WeakMap<PoolClient, StoreClient>();
  return {
    async connect() {
      const client = await pool.connect().catch((error: unknown) => {
        throw refusesTheService(error) ? new RowSecurityError(error) : error;
      });
      const guarded = known.get(client) ?? givenUpWhenSilent(client);
      known.set(client, guarded);
      return guarded;
    },
    end: () => pool.end(),
  };
}

function givenUpWhenSilent(client: PoolClient): StoreClient {
  let owing = false;
  async function guarded<T>(asking: Promise<T>): Promise<T> {
    try {
      return await asking;
    } catch (error) {
      owing ||= !(error instanceof DatabaseError);
      throw error;
    }
  }
  const query = (statement: string, parameters: unknown[]): Promise<unknown> =>
    guarded(client.query(statement, parameters));
  return {
    query: query as PostgresPoolClient['query'],
    queryAs: (tenantId, statement, parameters) =>
      guarded(queryAsTenant(client, tenantId, statement, parameters)),
    release: () => client.release(owing),
  };
}
