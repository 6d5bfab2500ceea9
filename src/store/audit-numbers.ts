import { sql } from 'kysely';
import type { Break } from './audit-breaks';
import { everyTenant } from './audit-log';
import type { Db } from './database';

const window = 100_000;

interface Edge {
  readonly number: string;
  readonly before: string;
  /** Of a row without a link. */
  readonly unlinked: string | null;
}

type Gap = readonly [from: number, to: number];

/**
 * Accounts for every number that a row was given, up to the floor of sealing: it has a row and a link, or is on record as one
 * that no row ever had. So a row that vanishes before it is sealed leaves a trace (docs/adr/0028-audit.md).
 */
export class AuditNumbers {
  constructor(private readonly db: Db) {}

  /** @param tenantId whose rows must have links; null: of all, and all numbers are accounted for */
  async firstFault(tenantId: string | null): Promise<(Break & { readonly tenantId: string }) | null> {
    const { floor, start } = await this.#bounds();
    const known = tenantId === null ? await this.#gaps() : [];
    for (let after = start; after < floor; after += window) {
      const upTo = Math.min(after + window, floor);
      for (const { number, before, unlinked } of await this.#edges(tenantId, after, upTo)) {
        const [from, to] = [Number(before) + 1, Number(number) - 1];
        if (tenantId === null && from <= to && !isKnown(known, from, to)) return gone(from, to);
        if (unlinked !== null) return smuggled(unlinked, number);
      }
    }
    return null;
  }

  /** What a retention has removed of any chain is not accounted for any more. */
  async #bounds(): Promise<{ floor: number; start: number }> {
    const { rows } = await sql<{ floor: string; start: string }>`
      select floor, coalesce((select max(sequence) from audit_mark), 0) as start from audit_sealing`.execute(
      this.db,
    );
    return { floor: Number(rows[0]!.floor), start: Number(rows[0]!.start) };
  }

  async #gaps(): Promise<Gap[]> {
    const { rows } = await sql<{ numbers: Gap[] }>`
      select record -> 'numbers' as numbers from audit
      where tenant_id = ${everyTenant} and kind = 'audit_gap' and kind <> 'orchestration' order by sequence`.execute(
      this.db,
    );
    return joined(rows.flatMap(({ numbers }) => numbers).toSorted(([one], [other]) => one - other));
  }

  async #edges(tenantId: string | null, after: number, upTo: number): Promise<readonly Edge[]> {
    const { rows } = await sql<Edge>`
      with numbered as (
        select coalesce(row.sequence, link.sequence) as number,
               case when link.sequence is null then row.tenant_id end as unlinked
        from (select sequence, tenant_id from audit where sequence > ${after}::bigint and sequence <= ${upTo}::bigint) row
        full join (select sequence from audit_link where sequence > ${after}::bigint and sequence <= ${upTo}::bigint) link
          on link.sequence = row.sequence
        union all select ${upTo}::bigint + 1, null
      ),
      edges as (
        select number, unlinked, lag(number, 1, ${after}::bigint) over (order by number) as before from numbered
      )
      select number, unlinked, before from edges
      where ${
        tenantId === null ? sql`unlinked is not null or number > before + 1` : sql`unlinked = ${tenantId}`
      }
      order by number`.execute(this.db);
    return rows;
  }
}

/** Neighbors are one: they may have been found missing one after the other. */
function joined(gaps: readonly Gap[]): Gap[] {
  const whole: Gap[] = [];
  for (const [from, to] of gaps) {
    const last = whole.at(-1);
    if (last && from <= last[1] + 1) whole[whole.length - 1] = [last[0], Math.max(last[1], to)];
    else whole.push([from, to]);
  }
  return whole;
}

function isKnown(gaps: readonly Gap[], from: number, to: number): boolean {
  return gaps.some(([first, last]) => first <= from && to <= last);
}

function gone(from: number, to: number): Break & { tenantId: string } {
  const message = `rows ${from} to ${to} were never sealed, and are gone`;
  return { tenantId: everyTenant, kind: 'removed', position: 0, sequence: String(from), message };
}

function smuggled(tenantId: string, sequence: string): Break & { tenantId: string } {
  const message = `row ${sequence} was written among rows that had been sealed`;
  return { tenantId, kind: 'inserted', position: 0, sequence, message };
}
