import { sql } from 'kysely';
import type { AuditCheckpoints, Checkpoint } from './audit-checkpoints';
import type { AuditVerifier } from './audit-verifier';
import type { Db } from './database';

const dayMs = 86_400_000;
const pageRows = 2000;

export interface AuditRetentionDependencies {
  readonly db: Db;
  readonly checkpoints: AuditCheckpoints;
  readonly verifier: AuditVerifier;
  /** How many days a tenant's records are kept. */
  readonly daysOf: (tenantId: string) => Promise<number>;
  /** What is to go, but is not what was sealed: it stays, as evidence. */
  readonly broken: (tenantId: string) => void;
}

/**
 * Removes what is past its retention: of a chain the beginning, up to a signed checkpoint, after it was found intact. The mark
 * that is left says where the chain now begins, and is what the database lets rows go by.
 */
export class AuditRetention {
  constructor(private readonly deps: AuditRetentionDependencies) {}

  async removeExpired(now = Date.now()): Promise<void> {
    for (const tenant of await this.deps.checkpoints.chains()) {
      await this.#mark(tenant, now);
      await this.#removeMarked(tenant);
    }
  }

  async #mark(tenant: string, now: number): Promise<void> {
    const last = await this.#lastOver(tenant, now);
    if (!last) return;
    if (!(await this.deps.verifier.holds(tenant, last))) return this.deps.broken(tenant);
    await sql`
      insert into audit_mark (tenant_id, position, hash, sequence)
      select ${tenant}, ${last.position}::bigint, ${last.hash}::bytea, max(sequence)
      from audit_link where tenant_id = ${tenant} and position <= ${last.position}::bigint
      having max(sequence) is not null
      on conflict do nothing`.execute(this.deps.db);
  }

  /** The last checkpoint before which all is past its retention. The end of a chain stays: new links follow on it. */
  async #lastOver(tenant: string, now: number): Promise<Checkpoint | undefined> {
    const first = await this.deps.db
      .selectFrom('audit_link')
      .select('position')
      .where('tenant_id', '=', tenant)
      .orderBy('position')
      .executeTakeFirst();
    if (!first) return undefined;
    const signed = await this.deps.checkpoints.of(tenant, Number(first.position));
    if (signed.length < 2) return undefined;
    const days = await this.deps.daysOf(tenant);
    return signed.slice(0, -1).findLast(({ signedAt }) => signedAt.getTime() < now - days * dayMs);
  }

  async #removeMarked(tenant: string): Promise<void> {
    for (let removed = pageRows; removed === pageRows;) removed = await this.#removePage(tenant);
  }

  #removePage(tenant: string): Promise<number> {
    return this.deps.db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ sequence: string }>`
        select sequence from audit_link
        where tenant_id = ${tenant}
          and position <= (select max(position) from audit_mark where tenant_id = ${tenant})
        order by position limit ${pageRows}`.execute(tx);
      const numbers = rows.map(({ sequence }) => sequence);
      if (numbers.length === 0) return 0;
      // First the rows: it is by their links that they may go.
      await sql`delete from audit where sequence = any(${numbers}::bigint[])`.execute(tx);
      await sql`delete from audit_link where sequence = any(${numbers}::bigint[])`.execute(tx);
      return numbers.length;
    });
  }
}
