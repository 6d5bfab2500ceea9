import { sql } from 'kysely';
import type { Db } from './database';
import type { Notifications } from './notifications';

/**
 * The rows of a table as they change, by the number of their last change. Whoever writes takes the numbers in turn with
 * all others, so they become visible in their order: who has seen one has seen those before.
 */
export class Revisions<Row extends object> {
  #seen = 0;

  /**
   * @param query selects rows and their number as `revision`, of those above `$1`
   * @param lockId of the table's own
   */
  constructor(
    private readonly notifications: Pick<Notifications, 'ask'>,
    private readonly query: string,
    private readonly lockId: number,
  ) {}

  /**
   * Rows that have changed since it was asked last; at first all of them.
   * @throws while the connection that listens is lost
   */
  async news(): Promise<(Row & { readonly revision: string })[]> {
    const rows = await this.notifications.ask<Row & { readonly revision: string }>(this.query, [this.#seen]);
    for (const { revision } of rows) this.#seen = Math.max(this.#seen, Number(revision));
    return rows;
  }

  /** Until the transaction ends nobody else takes a number. */
  async takeTurn(tx: Db): Promise<void> {
    await sql`select pg_advisory_xact_lock(${this.lockId})`.execute(tx);
  }
}
