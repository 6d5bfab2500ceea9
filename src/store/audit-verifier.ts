import { sql } from 'kysely';
import type { AuditBreak, AuditVerification, VerifiedChain } from '../contract/audit';
import { type Break, breakOf, follows, type FoundLink, type Walk } from './audit-breaks';
import { beginning, rowDigest } from './audit-chain';
import type { AuditCheckpoints, Checkpoint } from './audit-checkpoints';
import { AuditNumbers } from './audit-numbers';
import type { Db } from './database';

export interface VerifyRange {
  /** Null: all. */
  readonly tenantId: string | null;
  /** Whole stretches between checkpoints are verified, those in which such rows are. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

const page = 5000;
/** How far around a break is looked for what was moved. */
const neighborhood = 500;
const dayMs = 86_400_000;

/** Walks chains from the first link to the last, two pages in memory at a time. */
export class AuditVerifier {
  constructor(
    private readonly db: Db,
    private readonly checkpoints: AuditCheckpoints,
  ) {}

  async verify(range: VerifyRange): Promise<AuditVerification> {
    const tenants = range.tenantId === null ? await this.checkpoints.chains() : [range.tenantId];
    const chains: VerifiedChain[] = [];
    const breaks: AuditBreak[] = [];
    for (const tenant of tenants) {
      const { chain, found } = await this.#chain(tenant, range);
      if (chain) chains.push(chain);
      if (found) breaks.push(onWire(tenant, found));
    }
    if (!range.from && !range.to && breaks.length === 0) {
      const found = await new AuditNumbers(this.db).firstFault(range.tenantId);
      if (found) breaks.push(onWire(found.tenantId, found));
    }
    const rows = chains.reduce((sum, chain) => sum + chain.to_position - chain.from_position, 0);
    return { intact: breaks.length === 0, rows, chains, breaks };
  }

  /** Whether a chain is intact from where it begins to a checkpoint. */
  async holds(tenantId: string, upTo: Checkpoint): Promise<boolean> {
    if (this.checkpoints.trust(tenantId, upTo) !== 'valid') return false;
    const start = await this.#mark(tenantId);
    const { walk, found } = await this.#walk(tenantId, start, upTo.position, [upTo]);
    return found === null && walk.position === upTo.position && walk.hash.equals(upTo.hash);
  }

  async #chain(
    tenantId: string,
    range: VerifyRange,
  ): Promise<{ chain: VerifiedChain | null; found: Break | null }> {
    const mark = await this.#mark(tenantId);
    const signed = await this.checkpoints.of(tenantId, mark.position);
    const forged = signed.find((one) => this.checkpoints.trust(tenantId, one) !== 'valid');
    if (forged) return { chain: null, found: this.#forgery(tenantId, forged) };
    const { start, end } = stretch(mark, signed, range);
    const { walk, found } = await this.#walk(tenantId, start, end, signed);
    const last = signed.findLast(({ position }) => position <= walk.position);
    const chain: VerifiedChain = {
      tenant_id: tenantId,
      from_position: start.position,
      to_position: walk.position,
      hash: walk.position === 0 ? null : walk.hash.toString('hex'),
      signed_position: last?.position ?? null,
      signed_at: last?.signedAt.toISOString() ?? null,
    };
    return { chain, found: found ?? (end === null ? await this.#tail(tenantId, walk, signed) : null) };
  }

  async #walk(
    tenantId: string,
    start: Walk,
    end: number | null,
    signed: readonly Checkpoint[],
  ): Promise<{ walk: Walk; found: Break | null }> {
    const signedAt = new Map(signed.map((one) => [one.position, one]));
    let walk = start;
    let coming = this.#page(tenantId, start.position, page);
    for (;;) {
      const links = await coming;
      const isLast = links.length < page;
      if (!isLast) {
        // The store makes the next digests while these are checked.
        coming = this.#page(tenantId, links.at(-1)!.position, page);
        coming.catch(() => undefined);
      }
      for (const link of links) {
        if (end !== null && walk.position >= end) return { walk, found: null };
        if (!follows(tenantId, walk, link)) {
          const around = await this.#page(tenantId, walk.position - neighborhood, 2 * neighborhood);
          return { walk, found: breakOf(tenantId, walk, link, around) };
        }
        walk = { position: link.position, hash: link.hash };
        const checkpoint = signedAt.get(link.position);
        if (checkpoint && !checkpoint.hash.equals(link.hash))
          return { walk, found: rewritten(link, checkpoint) };
      }
      if (isLast) return { walk, found: null };
    }
  }

  /** What should still come. */
  async #tail(tenantId: string, { position }: Walk, signed: readonly Checkpoint[]): Promise<Break | null> {
    const last = signed.at(-1);
    if (last && last.position > position) {
      const message = `a checkpoint of ${last.signedAt.toISOString()} signs position ${last.position}, after the end`;
      return { kind: 'removed', position: position + 1, sequence: null, message };
    }
    const next = await this.db
      .selectFrom('audit_link')
      .innerJoin('audit', 'audit.sequence', 'audit_link.sequence')
      .select(['audit_link.position', 'audit.sequence', 'audit.created_at'])
      .where('audit_link.tenant_id', '=', tenantId)
      .where('audit_link.position', '=', String((last?.position ?? 0) + 1))
      .executeTakeFirst();
    if (!next || Date.now() - next.created_at.getTime() < dayMs) return null;
    const message = `rows from here on are older than a day, and no checkpoint signs them`;
    return { kind: 'unsigned', position: Number(next.position), sequence: next.sequence, message };
  }

  /** Up to where the chain was removed, as its retention has it. */
  async #mark(tenantId: string): Promise<Walk> {
    const mark = await this.db
      .selectFrom('audit_mark')
      .select(['position', 'hash'])
      .where('tenant_id', '=', tenantId)
      .orderBy('position', 'desc')
      .executeTakeFirst();
    return mark ? { position: Number(mark.position), hash: mark.hash } : { position: 0, hash: beginning };
  }

  #forgery(tenantId: string, checkpoint: Checkpoint): Break {
    const isUnknown = this.checkpoints.trust(tenantId, checkpoint) === 'unknown_key';
    const why = isUnknown ? `is by key ${checkpoint.keyId}, which is not trusted here` : 'is not by its key';
    const message = `the signature of ${checkpoint.signedAt.toISOString()} ${why}`;
    return { kind: 'checkpoint_forged', position: checkpoint.position, sequence: null, message };
  }

  async #page(tenantId: string, after: number, limit: number): Promise<FoundLink[]> {
    const { rows } = await sql<Omit<FoundLink, 'position'> & { position: string }>`
      select link.position, link.sequence, link.digest, link.previous, link.hash,
             case when audit.sequence is not null then ${rowDigest('audit')} end as found
      from audit_link link left join audit on audit.sequence = link.sequence and audit.tenant_id = link.tenant_id
      where link.tenant_id = ${tenantId} and link.position > ${after}::bigint
      order by link.position limit ${limit}`.execute(this.db);
    return rows.map((row) => ({ ...row, position: Number(row.position) }));
  }
}

/** From the last checkpoint before a time to the first one well after another. */
function stretch(
  mark: Walk,
  signed: readonly Checkpoint[],
  { from, to }: VerifyRange,
): { start: Walk; end: number | null } {
  const start = from && signed.findLast(({ signedAt }) => signedAt <= from);
  // A row is dated when its transaction began, and sealed a moment after that ended.
  const end = to && signed.find(({ signedAt }) => signedAt.getTime() > to.getTime() + 60_000);
  return { start: start ?? mark, end: end?.position ?? null };
}

function rewritten({ position, sequence }: FoundLink, { signedAt }: Checkpoint): Break {
  const message = `the chain up to here is not the one that was signed at ${signedAt.toISOString()}`;
  return { kind: 'rewritten', position, sequence, message };
}

function onWire(tenantId: string, { kind, position, sequence, message }: Break): AuditBreak {
  const number = sequence === null ? null : Number(sequence);
  return { tenant_id: tenantId, kind, position: position === 0 ? null : position, sequence: number, message };
}
