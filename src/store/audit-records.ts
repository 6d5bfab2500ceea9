import { sql } from 'kysely';
import type { AuditQuery, AuditRecord } from '../contract/audit';
import { asTenant, type Db } from './database';

/** A record as it was written, by whichever release. */
export interface Ending {
  readonly tenantId: string;
  readonly requestId: string;
  readonly record: unknown;
}

export interface AuditPage {
  readonly records: readonly AuditRecord[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

interface Row {
  sequence: string;
  tenant_id: string;
  request_id: string;
  kind: string;
  created_at: Date;
  record: unknown;
  position: string | null;
  previous: Buffer | null;
  hash: Buffer | null;
}

/** Where the rows of a time lie in the chain of a tenant. */
export interface Extent {
  readonly rows: number;
  /** Of these, how many have no place yet. */
  readonly unsealed: number;
  readonly first: number;
  readonly last: number;
}

const exportPage = 500;
const mostOfOneRequest = 200;
const countedUpTo = 10_000;
/** Rows are dated when their transaction began, which is a moment before they are numbered. */
const outOfOrderMs = 60_000;

/**
 * Reads table `audit`. Null for a tenant: any.
 * @param presentable what of a record may be shown
 */
export class AuditRecords {
  constructor(
    private readonly db: Db,
    private readonly presentable: (record: unknown) => unknown,
  ) {}

  /** How an orchestration ended; null when it has not, or is not the tenant's. */
  async ending(requestId: string, tenantId: string | null): Promise<Ending | null> {
    let matching = asTenant(this.db, tenantId)
      .selectFrom('audit')
      .select(['tenant_id', 'record'])
      .where('request_id', '=', requestId)
      .where('kind', '=', 'orchestration');
    if (tenantId !== null) matching = matching.where('tenant_id', '=', tenantId);
    const row = await matching.orderBy('sequence').executeTakeFirst();
    return row ? { tenantId: row.tenant_id, requestId, record: row.record } : null;
  }

  /** {@link ending} of many; what is not there is left out. */
  async endings(requestIds: readonly string[], tenantId: string): Promise<Map<string, unknown>> {
    if (requestIds.length === 0) return new Map();
    const rows = await asTenant(this.db, tenantId)
      .selectFrom('audit')
      .select(['request_id', 'record'])
      .where('tenant_id', '=', tenantId)
      .where('request_id', 'in', [...new Set(requestIds)])
      .where('kind', '=', 'orchestration')
      .execute();
    return new Map(rows.map(({ request_id: id, record }) => [id, record]));
  }

  /** Null when there are no rows of that time. */
  async extent(tenantId: string, range: Pick<AuditQuery, 'from' | 'to'>): Promise<Extent | null> {
    const found = await (
      await this.#matching(tenantId, range)
    )
      .clearSelect()
      .select(({ fn }) => [
        fn.countAll<string>().as('rows'),
        fn.count<string>('audit_link.position').as('sealed'),
        fn.min('audit_link.position').as('first'),
        fn.max('audit_link.position').as('last'),
      ])
      .executeTakeFirstOrThrow();
    const rows = Number(found.rows);
    if (rows === 0) return null;
    const [first, last] = [Number(found.first), Number(found.last)];
    return { rows, unsealed: rows - Number(found.sealed), first, last };
  }

  /** All that a request did, in order. */
  async trail(requestId: string, tenantId: string | null): Promise<AuditRecord[]> {
    let matching = this.#rows(tenantId).where('audit.request_id', '=', requestId);
    if (tenantId !== null) matching = matching.where('audit.tenant_id', '=', tenantId);
    const rows = await matching.orderBy('audit.sequence').limit(mostOfOneRequest).execute();
    return rows.map((row) => this.#shown(row as Row));
  }

  /** No more than 10,000. */
  async count(tenantId: string | null, query: AuditQuery): Promise<number> {
    const matching = (await this.#matching(tenantId, query))
      .clearSelect()
      .select('audit.sequence')
      .limit(countedUpTo);
    const { n } = await asTenant(this.db, tenantId)
      .selectFrom(matching.as('matching'))
      .select((eb) => eb.fn.countAll<string>().as('n'))
      .executeTakeFirstOrThrow();
    return Number(n);
  }

  /** The oldest first. */
  async page(
    tenantId: string | null,
    query: AuditQuery,
    limit: number,
    after: string | null,
  ): Promise<AuditPage> {
    const rows = await (
      await this.#matching(tenantId, query)
    )
      .$if(after !== null, (matching) => matching.where('audit.sequence', '>', after))
      .orderBy('audit.sequence')
      .limit(limit + 1)
      .execute();
    const shown = rows.slice(0, limit);
    return {
      records: shown.map((row) => this.#shown(row as Row)),
      next: rows.length > limit ? shown.at(-1)!.sequence : null,
    };
  }

  async *all(tenantId: string | null, query: AuditQuery): AsyncGenerator<AuditRecord> {
    for (let after: string | null = null; ;) {
      const page: AuditPage = await this.page(tenantId, query, exportPage, after);
      yield* page.records;
      if (page.next === null) return;
      after = page.next;
    }
  }

  #rows(tenantId: string | null) {
    return asTenant(this.db, tenantId)
      .selectFrom('audit')
      .leftJoin('audit_link', 'audit_link.sequence', 'audit.sequence')
      .select([
        ...(['audit.sequence', 'audit.tenant_id', 'audit.request_id', 'audit.kind'] as const),
        ...(['audit.created_at', 'audit.record'] as const),
        ...(['audit_link.position', 'audit_link.previous', 'audit_link.hash'] as const),
      ]);
  }

  #shown(row: Row): AuditRecord {
    return {
      sequence: Number(row.sequence),
      tenant_id: row.tenant_id,
      request_id: row.request_id,
      kind: row.kind,
      at: row.created_at.toISOString(),
      record: this.presentable(row.record) as AuditRecord['record'],
      position: row.position === null ? null : Number(row.position),
      previous_hash: row.previous?.toString('hex') ?? null,
      hash: row.hash?.toString('hex') ?? null,
    };
  }

  async #matching(tenantId: string | null, { kind, from, to }: AuditQuery) {
    let matching = this.#rows(tenantId);
    if (tenantId !== null) matching = matching.where('audit.tenant_id', '=', tenantId);
    if (kind !== undefined) {
      matching = matching.where('audit.kind', '=', kind);
      // The index over operations has this condition, and serves those that say it.
      if (kind !== 'orchestration') matching = matching.where(sql<boolean>`audit.kind <> 'orchestration'`);
    }
    if (from !== undefined) {
      const time = new Date(from);
      matching = matching
        .where('audit.created_at', '>=', time)
        .where('audit.sequence', '>=', await this.#numberAt(time.getTime() - outOfOrderMs));
    }
    if (to !== undefined) {
      const time = new Date(to);
      matching = matching
        .where('audit.created_at', '<', time)
        .where('audit.sequence', '<=', await this.#numberAt(time.getTime() + outOfOrderMs));
    }
    return matching;
  }

  /** The first number given out about a time, by halving: numbers rise with time, and there is no index for it. */
  async #numberAt(time: number): Promise<string> {
    const { rows } = await sql<{ first: string; last: string }>`
      select coalesce(min(sequence), 0) as first, coalesce(max(sequence), 0) as last from audit`.execute(
      this.db,
    );
    let [low, high] = [Number(rows[0]!.first), Number(rows[0]!.last)];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = await this.db
        .selectFrom('audit')
        .select('created_at')
        .where('sequence', '>=', String(middle))
        .orderBy('sequence')
        .executeTakeFirst();
      if (row && row.created_at.getTime() < time) low = middle + 1;
      else high = middle;
    }
    return String(low);
  }
}
