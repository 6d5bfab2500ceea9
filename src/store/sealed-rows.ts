import { sql } from 'kysely';
import type { AuditRecord } from '../contract/audit';
import { type FoundLink, follows, type Walk } from './audit-breaks';
import { digestOf, rowDigest } from './audit-chain';
import { asTenant, type Db } from './database';

/** A row with all that its place in the chain is computed from. */
export interface SealedRow {
  readonly record: AuditRecord;
  /** As it was sealed, in hexadecimal. */
  readonly digest: string;
  readonly microseconds: number;
  /** Whether the digest is that of the record as it is shown. */
  readonly verbatim: boolean;
}

interface Row extends Omit<FoundLink, 'position' | 'found'> {
  readonly position: string;
  readonly request_id: string;
  readonly kind: string;
  readonly microseconds: string;
  readonly record: unknown;
  readonly found: Buffer;
}

const page = 500;

/** The chain is not what was sealed. */
export class ChainBroken extends Error {
  override readonly name = 'ChainBroken';
}

/** Reads a stretch of a tenant's chain, a page at a time. */
export class SealedRows {
  constructor(
    private readonly db: Db,
    private readonly presentable: (record: unknown) => unknown,
  ) {}

  /** @throws ChainBroken where a row does not follow on the one before */
  async *between(tenantId: string, first: number, last: number): AsyncGenerator<readonly SealedRow[]> {
    let walk: Walk | null = null;
    while (walk === null || walk.position < last) {
      const rows: readonly Row[] = await this.#page(tenantId, walk?.position ?? first - 1, last);
      for (const row of rows) {
        const link = { ...row, position: Number(row.position) };
        const before: Walk = walk ?? { position: first - 1, hash: row.previous };
        if (!follows(tenantId, before, link)) throw notFollowing(tenantId, before, row.sequence);
        walk = { position: link.position, hash: link.hash };
      }
      if (walk === null || rows.length === 0)
        throw notFollowing(tenantId, walk ?? { position: first - 1 }, null);
      yield rows.map((row) => this.#shown(tenantId, row));
    }
  }

  /** Whether the chain began later than it once did: what was past its retention is gone. */
  async isCutBefore(tenantId: string, position: number): Promise<boolean> {
    if (position === 1) return false;
    const before = await asTenant(this.db, tenantId)
      .selectFrom('audit_link')
      .select('position')
      .where('tenant_id', '=', tenantId)
      .where('position', '=', String(position - 1))
      .executeTakeFirst();
    return before === undefined;
  }

  #shown(tenantId: string, row: Row): SealedRow {
    const record = this.presentable(row.record) as AuditRecord['record'];
    const microseconds = Number(row.microseconds);
    const { request_id: requestId, kind } = row;
    return {
      record: {
        sequence: Number(row.sequence),
        tenant_id: tenantId,
        request_id: requestId,
        kind,
        at: new Date(Math.floor(microseconds / 1000)).toISOString(),
        record,
        position: Number(row.position),
        previous_hash: row.previous.toString('hex'),
        hash: row.hash.toString('hex'),
      },
      digest: row.digest.toString('hex'),
      microseconds,
      verbatim: digestOf({ tenantId, requestId, kind, microseconds, record }).equals(row.digest),
    };
  }

  async #page(tenantId: string, after: number, last: number): Promise<readonly Row[]> {
    const { rows } = await sql<Row>`
      select link.position, link.sequence, link.digest, link.previous, link.hash, audit.request_id, audit.kind,
             (extract(epoch from audit.created_at) * 1000000)::bigint as microseconds, audit.record,
             ${rowDigest('audit')} as found
      from audit_link link join audit on audit.sequence = link.sequence and audit.tenant_id = link.tenant_id
      where link.tenant_id = ${tenantId} and link.position > ${after}::bigint and link.position <= ${last}::bigint
      order by link.position limit ${page}`.execute(asTenant(this.db, tenantId));
    return rows;
  }
}

function notFollowing(
  tenantId: string,
  { position }: Pick<Walk, 'position'>,
  row: string | null,
): ChainBroken {
  const which = row === null ? '' : ` (row ${row})`;
  return new ChainBroken(`${tenantId}: the chain does not hold at position ${position + 1}${which}`);
}
