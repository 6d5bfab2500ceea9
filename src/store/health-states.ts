import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { z } from 'zod';
import { type Health, type HealthMerge, healthSchema, type StoredHealth } from '../contract/endpoint-health';
import type { Happening } from '../contract/notices';
import type { Db } from './database';
import type { Notices } from './notices';
import { hear, notify, type Notifications } from './notifications';
import { Revisions } from './revisions';

const lockId = 0x484c5448;
/** Results older than this say nothing of today. */
const keptHours = 24;

const rowSchema = z.object({
  endpoint_id: z.string(),
  url: z.string(),
  health: healthSchema,
  next_check_at: z.coerce.number(),
  response_ms: z.number().nullable(),
  error: z.string().nullable(),
});

/** One check of the history. */
export interface CheckRecord {
  readonly at: Date;
  readonly ok: boolean;
  readonly response_ms: number | null;
  readonly error: string | null;
}

/** What the kept history of an upstream comes to. */
export interface CheckFigures {
  readonly endpoint_id: string;
  /** Share of the last 24 hours' checks that were good. */
  readonly availability: number;
  /** Of good ones; null without any. */
  readonly average_ms: number | null;
}

/** Table `endpoint_health`: what all processes know of the health of upstreams; only one checks each at a time. */
export class HealthStates {
  readonly #revisions: Revisions<object>;

  constructor(
    private readonly db: Db,
    private readonly notifications: Pick<Notifications, 'on' | 'ask'>,
    private readonly notices: Pick<Notices, 'record'>,
  ) {
    this.#revisions = new Revisions(
      notifications,
      `select endpoint_id, url, health, next_check_at, response_ms, error, revision
        from endpoint_health where revision > $1`,
      lockId,
    );
  }

  onChange(listener: () => void): void {
    hear(this.notifications, 'health_changed', listener);
  }

  /** What has changed since it was asked last; at first everything. */
  async changed(): Promise<StoredHealth[]> {
    return (await this.#revisions.news()).flatMap((row) => known(row));
  }

  /** @returns false when another process is checking it */
  async claim(endpointId: string, url: string, forMs: number): Promise<boolean> {
    const { rows } = await sql`
      insert into endpoint_health (endpoint_id, url, checking_until)
      values (${endpointId}, ${url}, now() + make_interval(secs => ${forMs / 1000}))
      on conflict (endpoint_id) do update set checking_until = excluded.checking_until
        where endpoint_health.checking_until is null or endpoint_health.checking_until < now()
      returning endpoint_id`.execute(this.db);
    return rows.length > 0;
  }

  /** Ends a claim without a result. */
  async release(endpointId: string): Promise<void> {
    await this.db
      .updateTable('endpoint_health')
      .set({ checking_until: null })
      .where('endpoint_id', '=', endpointId)
      .execute();
  }

  /** Ends a claim with its result. @returns what is stored now, and what was before */
  async record(merge: HealthMerge): Promise<{ stored: StoredHealth; before: StoredHealth | null }> {
    return this.db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const row = await tx
        .selectFrom('endpoint_health')
        .selectAll()
        .where('endpoint_id', '=', merge.endpoint_id)
        .executeTakeFirst();
      const [found] = row ? known(row) : [];
      const before = found?.url === merge.url ? found : null;
      const { health, next_check_at, event } = merge.after(before?.health ?? null);
      const { ok, response_ms, error } = merge.result;
      await sql`
        insert into endpoint_health (endpoint_id, url, health, next_check_at, response_ms, error, revision)
        values (
          ${merge.endpoint_id}, ${merge.url}, ${JSON.stringify(health)}, ${next_check_at}, ${response_ms}, ${error},
          nextval('endpoint_health_revision')
        )
        on conflict (endpoint_id) do update set
          url = excluded.url, health = excluded.health, next_check_at = excluded.next_check_at,
          response_ms = excluded.response_ms, error = excluded.error, revision = excluded.revision,
          checking_until = null, updated_at = now()`.execute(tx);
      await remember(tx, merge);
      if (event) {
        await tx
          .insertInto('health_event')
          .values({ event_id: randomUUID(), url: event.url, body: JSON.stringify(event.body) })
          .execute();
      }
      await this.notices.record(tx, newsOf(merge.endpoint_id, before?.health.status, health.status));
      if (!ok || before?.health.status !== health.status) await notify(tx, { kind: 'health_changed' });
      const { endpoint_id, url } = merge;
      return { stored: { endpoint_id, url, health, next_check_at, response_ms, error }, before };
    });
  }

  async remove(endpointIds: readonly string[]): Promise<void> {
    await this.db.deleteFrom('endpoint_health').where('endpoint_id', 'in', endpointIds).execute();
    await this.db.deleteFrom('health_check_result').where('endpoint_id', 'in', endpointIds).execute();
  }

  /** The last checks, newest first. */
  async history(endpointId: string, limit: number): Promise<CheckRecord[]> {
    return this.db
      .selectFrom('health_check_result')
      .select(['at', 'ok', 'response_ms', 'error'])
      .where('endpoint_id', '=', endpointId)
      .orderBy('sequence', 'desc')
      .limit(limit)
      .execute();
  }

  /** Of one upstream, or of all that have been checked. */
  async figures(endpointId?: string): Promise<CheckFigures[]> {
    const only = endpointId ?? null;
    const { rows } = await sql<CheckFigures>`
      select endpoint_id, avg(ok::int)::float8 as availability, avg(response_ms) filter (where ok)::float8 as average_ms
      from health_check_result
      where at > now() - make_interval(hours => ${keptHours})
        and (${only}::text is null or endpoint_id = ${only}::text)
      group by endpoint_id`.execute(this.db);
    return rows;
  }

  /** Of each, the share of kept checks that were good and took no longer than its SLA. */
  async compliance(
    slas: readonly { readonly endpoint_id: string; readonly sla_ms: number }[],
  ): Promise<ReadonlyMap<string, number>> {
    if (slas.length === 0) return new Map();
    const { rows } = await sql<{ endpoint_id: string; share: number }>`
      select endpoint_id, avg((ok and response_ms <= sla_ms)::int)::float8 as share
      from health_check_result
      join json_to_recordset(${JSON.stringify(slas)}::json) as sla (endpoint_id text, sla_ms int)
        using (endpoint_id)
      group by endpoint_id`.execute(this.db);
    return new Map(rows.map(({ endpoint_id, share }) => [endpoint_id, share]));
  }
}

/** A row that is only claimed, or that this version cannot read, says nothing. */
function known(row: object): StoredHealth[] {
  const parsed = rowSchema.safeParse(row);
  return parsed.success ? [parsed.data] : [];
}

async function remember(tx: Db, { endpoint_id, at, result, history_size }: HealthMerge): Promise<void> {
  await tx
    .insertInto('health_check_result')
    .values({ endpoint_id, at: new Date(at), ...result })
    .execute();
  await sql`
    delete from health_check_result
    where endpoint_id = ${endpoint_id} and (
      at < now() - make_interval(hours => ${keptHours})
      or sequence <= (
        select sequence from health_check_result where endpoint_id = ${endpoint_id}
        order by sequence desc offset ${history_size} limit 1
      )
    )`.execute(tx);
}

/** What operators are told of a check. */
function newsOf(
  subject: string,
  before: Health['status'] | undefined,
  after: Health['status'],
): readonly Happening[] {
  const upstream = { tenant_id: null, subject, reason: null };
  if (after === 'unhealthy' && before !== 'unhealthy') return [{ event: 'upstream_unhealthy', ...upstream }];
  if (after === 'healthy' && before === 'unhealthy') return [{ event: 'upstream_recovered', ...upstream }];
  return [];
}
