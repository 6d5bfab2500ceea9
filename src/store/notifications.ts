import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { Client, DatabaseError, type QueryResult, type QueryResultRow } from 'pg';
import { z } from 'zod';
import { serviceSession } from './connections';
import type { Db } from './database';

const channel = 'conclave';
const reconnectMs = 250;
const silenceMs = 5000;

/** What processes tell each other; identifiers only. */
const messageSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('published'), run_id: z.string() }),
  z.object({ kind: z.literal('aggregated'), run_id: z.string() }),
  z.object({ kind: z.literal('cancelled'), request_id: z.string() }),
  z.object({ kind: z.literal('cache_invalidated') }),
  z.object({ kind: z.literal('breakers_changed') }),
  z.object({ kind: z.literal('registry_changed') }),
  z.object({ kind: z.literal('health_changed') }),
  z.object({ kind: z.literal('policies_changed') }),
  z.object({ kind: z.literal('allow_list_changed') }),
  z.object({ kind: z.literal('shadows_changed') }),
  z.object({ kind: z.literal('credentials_changed') }),
  z.object({ kind: z.literal('keys_changed') }),
  z.object({ kind: z.literal('tenants_changed') }),
  z.object({ kind: z.literal('bulk'), bulk_id: z.string() }),
  z.object({ kind: z.literal('callback_due') }),
  z.object({ kind: z.literal('notice_due') }),
]);
export type Message = z.output<typeof messageSchema>;

interface Events {
  message: [Message];
  /** The connection was lost and is back: whatever was said meanwhile was missed. */
  reconnected: [];
}

/** PostgreSQL LISTEN/NOTIFY: the one mechanism by which processes wake each other. */
export class Notifications extends EventEmitter<Events> {
  #client: Client | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(
    private readonly db: Db,
    private readonly url: string,
  ) {
    super();
    this.setMaxListeners(0);
  }

  async listen(): Promise<void> {
    const client = new Client({
      ...serviceSession(this.url),
      application_name: 'conclave-listen',
      connectionTimeoutMillis: silenceMs,
      query_timeout: silenceMs,
    });
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''));
    client.on('error', () => void this.#reconnect(client));
    client.once('end', () => void this.#reconnect(client));
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
    } catch (error) {
      void client.end();
      throw error;
    }
    this.#client = client;
    this.#turn = Promise.resolve();
    this.#watch(client);
  }

  async send(message: Message): Promise<void> {
    await notify(this.db, message);
  }

  /**
   * Asks the database over the connection that listens, where only others that ask queue before it.
   * @throws while that is lost
   */
  async ask<Row extends QueryResultRow>(query: string, values: readonly unknown[]): Promise<Row[]> {
    if (!this.#client) throw new Error('the connection that listens is lost');
    return (await this.#inTurn<Row>(this.#client, query, values)).rows;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.end();
  }

  #receive(payload: string): void {
    const parsed = messageSchema.safeParse(parseJson(payload));
    if (parsed.success) this.emit('message', parsed.data);
  }

  /** One at a time; when there is no answer the line is dead, and is hung up for all that wait. */
  async #inTurn<Row extends QueryResultRow>(
    client: Client,
    query: string,
    values: readonly unknown[],
  ): Promise<QueryResult<Row>> {
    const answer = this.#turn.then(() => client.query<Row>(query, [...values]));
    this.#turn = answer.catch((error: unknown) => {
      if (!(error instanceof DatabaseError)) void client.end();
    });
    return answer;
  }

  /** Nobody speaks on a quiet line nor on a dead one. */
  #watch(client: Client): void {
    const timer = setInterval(() => {
      this.#inTurn(client, 'select 1', []).catch(() => undefined);
    }, silenceMs).unref();
    client.once('end', () => clearInterval(timer));
  }

  async #reconnect(lost: Client): Promise<void> {
    if (this.#closed || this.#client !== lost) return;
    this.#client = null;
    while (!this.#closed) {
      try {
        await this.listen();
        this.emit('reconnected');
        return;
      } catch {
        await delay(reconnectMs);
      }
    }
  }
}

/** Calls when something of this kind was said, and when it may have been missed. */
export function hear(
  notifications: Pick<Notifications, 'on'>,
  kind: Message['kind'],
  listener: () => void,
): void {
  notifications.on('message', (message) => {
    if (message.kind === kind) listener();
  });
  notifications.on('reconnected', listener);
}

/** Inside a transaction the message goes out with its commit. */
export async function notify(db: Db, message: Message): Promise<void> {
  await sql`select pg_notify(${channel}, ${JSON.stringify(message)})`.execute(db);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
