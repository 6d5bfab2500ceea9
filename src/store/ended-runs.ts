import { sql } from 'kysely';
import { type EndedRunRecord, endedRunSchema } from '../contract/ended-run';
import { asTenant, type Db } from './database';
import type { KeyRing } from './key-ring';
import { packed } from './packed';

/** A run that has ended, to be kept. */
export interface EndedRun {
  readonly tenantId: string;
  readonly bundle: string;
  readonly requestId: string;
  readonly receivedAt: Date;
  /** A serialized {@link EndedRunRecord}. */
  readonly record: string;
}

/** Where a page ends; the next begins behind it. */
export interface PageEnd {
  readonly at: Date;
  readonly requestId: string;
}

export interface EndedRunRange {
  readonly tenantId: string;
  readonly bundle: string;
  /** Received at or after, and before. */
  readonly since: Date;
  readonly until: Date;
}

export interface EndedRunPage {
  /** Null for one that cannot be read. */
  readonly runs: readonly { readonly requestId: string; readonly record: EndedRunRecord | null }[];
  /** Null when there is nothing behind this page. */
  readonly next: PageEnd | null;
}

/** Table `ended_run`: findings without text, encrypted for the tenant (design.md 8). */
export class EndedRuns {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
  ) {}

  /** One that is already there stays. */
  async append(runs: readonly EndedRun[]): Promise<void> {
    const sealed = await Promise.all(
      runs.map(({ tenantId, requestId, record }) =>
        this.keys.encryptFor(tenantId, Buffer.from(record), contextOf(requestId)),
      ),
    );
    const { pack, places } = packed(sealed);
    const rows = runs.map(({ tenantId, bundle, requestId, receivedAt }, index) => ({
      tenant_id: tenantId,
      policy_bundle: bundle,
      request_id: requestId,
      received_at: receivedAt,
      ...places[index]!,
    }));
    await sql`
      insert into ended_run (tenant_id, policy_bundle, received_at, request_id, record)
      select tenant_id, policy_bundle, received_at, request_id,
             substring(${pack}::bytea from bytes_from for bytes_length)
      from json_to_recordset(${JSON.stringify(rows)}::json)
        as given (tenant_id text, policy_bundle text, received_at timestamptz, request_id uuid,
                  bytes_from int, bytes_length int)
      on conflict do nothing`.execute(this.db);
  }

  async count(range: EndedRunRange): Promise<number> {
    const { n } = await this.#in(range)
      .select((eb) => eb.fn.countAll<string>().as('n'))
      .executeTakeFirstOrThrow();
    return Number(n);
  }

  /** In the order in which they were received. */
  async page(range: EndedRunRange, after: PageEnd | null, limit: number): Promise<EndedRunPage> {
    const rows = await this.#in(range)
      .select(['request_id', 'received_at', 'record'])
      .$if(after !== null, (runs) =>
        runs.where(sql<boolean>`(received_at, request_id) > (${after!.at}, ${after!.requestId}::uuid)`),
      )
      .orderBy('received_at')
      .orderBy('request_id')
      .limit(limit)
      .execute();
    const last = rows.length < limit ? null : rows.at(-1)!;
    return {
      runs: await Promise.all(
        rows.map(async ({ request_id: requestId, record }) => ({
          requestId,
          record: await this.#read(range.tenantId, requestId, record),
        })),
      ),
      next: last && { at: last.received_at, requestId: last.request_id },
    };
  }

  /** All of a tenant's, whatever the bundle. */
  async pageOfTenant(tenantId: string, after: string | null, limit: number) {
    const rows = await this.db
      .selectFrom('ended_run')
      .select(['request_id', 'policy_bundle', 'received_at', 'record'])
      .where('tenant_id', '=', tenantId)
      .$if(after !== null, (runs) => runs.where('request_id', '>', after!))
      .orderBy('request_id')
      .limit(limit)
      .execute();
    return {
      runs: await Promise.all(
        rows.map(async ({ record, ...row }) => ({
          ...row,
          record: await this.#read(tenantId, row.request_id, record),
        })),
      ),
      next: rows.length < limit ? null : rows.at(-1)!.request_id,
    };
  }

  async removeExpired(retentionDays: number): Promise<void> {
    await sql`delete from ended_run where received_at < now() - make_interval(days => ${retentionDays})`.execute(
      this.db,
    );
  }

  #in({ tenantId, bundle, since, until }: EndedRunRange) {
    return asTenant(this.db, tenantId)
      .selectFrom('ended_run')
      .where('tenant_id', '=', tenantId)
      .where('policy_bundle', '=', bundle)
      .where('received_at', '>=', since)
      .where('received_at', '<', until);
  }

  async #read(tenantId: string, requestId: string, sealed: Buffer): Promise<EndedRunRecord | null> {
    const bytes = await this.keys.decryptFor(tenantId, sealed, contextOf(requestId));
    return endedRunSchema.safeParse(JSON.parse(bytes.toString())).data ?? null;
  }
}

function contextOf(requestId: string): string {
  return `ended_run/${requestId}`;
}
