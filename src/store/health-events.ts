import { sql } from 'kysely';
import type { WaitingEvent } from '../contract/endpoint-health';
import type { Db } from './database';

/** For so long whoever takes an event has it alone. */
const takenSeconds = 30;

/** Table `health_event`: what webhooks are still to be told. */
export class HealthEvents {
  constructor(private readonly db: Db) {}

  /** Takes some whose time has come; who took one and died leaves it to another. */
  async take(limit: number): Promise<WaitingEvent[]> {
    const { rows } = await sql<WaitingEvent>`
      update health_event set
        attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => ${takenSeconds})
      where event_id in (
        select event_id from health_event where next_attempt_at <= now()
        order by created_at limit ${limit} for update skip locked
      )
      returning event_id, url, body::text as body, attempts - 1 as attempts`.execute(this.db);
    return rows;
  }

  async settle(eventId: string): Promise<void> {
    await this.db.deleteFrom('health_event').where('event_id', '=', eventId).execute();
  }

  async postpone(eventId: string, ms: number): Promise<void> {
    await this.db
      .updateTable('health_event')
      .set({ next_attempt_at: sql<Date>`now() + make_interval(secs => ${ms / 1000})` })
      .where('event_id', '=', eventId)
      .execute();
  }
}
