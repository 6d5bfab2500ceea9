import { sql } from 'kysely';
import { checkpointText } from './audit-chain';
import type { AuditKeys } from './audit-keys';
import type { Db } from './database';

interface Unchecked {
  readonly tenant_id: string;
  readonly position: string;
  readonly hash: Buffer;
}

export interface Checkpoint {
  readonly position: number;
  readonly hash: Buffer;
  readonly signedAt: Date;
  readonly keyId: string;
  readonly signature: Buffer;
}

/** Every tenant that has a chain, by a jump from one to the next through the index. */
const chains = sql`
  with recursive chain (tenant_id) as (
    (select tenant_id from audit_link order by tenant_id limit 1)
    union all
    select (select link.tenant_id from audit_link link where link.tenant_id > chain.tenant_id order by 1 limit 1)
    from chain where chain.tenant_id is not null
  )`;

/** Table `audit_checkpoint`: how far each chain was at a time, signed, so that nobody without the key can write it anew. */
export class AuditCheckpoints {
  constructor(
    private readonly db: Db,
    private readonly keys: AuditKeys,
  ) {}

  /** Signs the heads of all chains that have grown since they were signed last. @returns how many */
  async write(): Promise<number> {
    const { rows } = await sql<Unchecked>`${chains}
      select chain.tenant_id, head.position, head.hash
      from chain cross join lateral (
        select position, hash from audit_link where tenant_id = chain.tenant_id order by position desc limit 1
      ) head
      where not exists (
        select from audit_checkpoint
        where audit_checkpoint.tenant_id = chain.tenant_id and audit_checkpoint.position >= head.position
      )`.execute(this.db);
    for (const row of rows) await this.#sign(row);
    return rows.length;
  }

  /** Names of all chains. */
  async chains(): Promise<string[]> {
    const { rows } = await sql<{ tenant_id: string }>`${chains}
      select tenant_id from chain where tenant_id is not null
      union select tenant_id from audit_checkpoint order by 1`.execute(this.db);
    return rows.map(({ tenant_id }) => tenant_id);
  }

  /** In order. */
  async of(tenantId: string, fromPosition = 0): Promise<Checkpoint[]> {
    const rows = await this.db
      .selectFrom('audit_checkpoint')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('position', '>=', String(fromPosition))
      .orderBy('position')
      .execute();
    return rows.map((row) => ({
      position: Number(row.position),
      hash: row.hash,
      signedAt: row.signed_at,
      keyId: row.key_id,
      signature: row.signature,
    }));
  }

  /** Whether a trusted key has signed it. */
  trust(tenantId: string, { position, hash, signedAt, keyId, signature }: Checkpoint) {
    return this.keys.verify(keyId, checkpointText(tenantId, position, hash, signedAt), signature);
  }

  async #sign({ tenant_id, position, hash }: Unchecked): Promise<void> {
    const signedAt = new Date();
    const signature = this.keys.sign(checkpointText(tenant_id, Number(position), hash, signedAt));
    await this.db
      .insertInto('audit_checkpoint')
      .values({ tenant_id, position, hash, signed_at: signedAt, key_id: this.keys.id, signature })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}
