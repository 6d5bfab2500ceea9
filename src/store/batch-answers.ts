import { asTenant, type Db } from './database';
import type { KeyRing } from './key-ring';

/** A caller's key for a whole batch; kept hashed. */
export interface BatchClaim {
  readonly tenantId: string;
  readonly keyHash: Buffer;
  readonly fingerprint: Buffer;
}

export interface HeldBatch {
  readonly fingerprint: Buffer;
  /** Null while the batch is unanswered, or when whoever ran it died. */
  readonly answer: Buffer | null;
}

/** Table `batch_answer`: whole answers, encrypted for the tenant, from the first call on (spec/orchestration.md 6). */
export class BatchAnswers {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    private readonly retentionMs: number,
  ) {}

  /** @returns what the key stands for: this call, or one that came before */
  async claim({ tenantId, keyHash, fingerprint }: BatchClaim): Promise<HeldBatch> {
    const now = Date.now();
    const fresh = { fingerprint, answer: null, expires_at: new Date(now + this.retentionMs) };
    const claimed = await asTenant(this.db, tenantId)
      .insertInto('batch_answer')
      .values({ tenant_id: tenantId, key_hash: keyHash, ...fresh })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant_id', 'key_hash'])
          .doUpdateSet(fresh)
          .where('batch_answer.expires_at', '<', new Date(now)),
      )
      .returning('tenant_id')
      .execute();
    if (claimed.length === 1) return fresh;
    const held = await this.#read(tenantId, keyHash);
    // Freed in between: whoever asks now is the first.
    return held ?? fresh;
  }

  /** First writer wins. @returns the answer that stands */
  async keep({ tenantId, keyHash, fingerprint }: BatchClaim, answer: Buffer): Promise<Buffer> {
    const sealed = await this.keys.encryptFor(tenantId, answer, contextOf(tenantId, keyHash));
    const kept = await asTenant(this.db, tenantId)
      .insertInto('batch_answer')
      .values({
        tenant_id: tenantId,
        key_hash: keyHash,
        fingerprint,
        answer: sealed,
        expires_at: new Date(Date.now() + this.retentionMs),
      })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant_id', 'key_hash'])
          .doUpdateSet({ answer: sealed })
          .where('batch_answer.answer', 'is', null)
          .where('batch_answer.fingerprint', '=', fingerprint),
      )
      .returning('tenant_id')
      .execute();
    if (kept.length === 1) return answer;
    const held = await this.#read(tenantId, keyHash);
    // Freed by a failure elsewhere and taken by another body since: then it is not ours to answer.
    return held?.fingerprint.equals(fingerprint) ? (held.answer ?? answer) : answer;
  }

  /** Frees a key under which nothing was answered. */
  async release({ tenantId, keyHash, fingerprint }: BatchClaim): Promise<void> {
    await asTenant(this.db, tenantId)
      .deleteFrom('batch_answer')
      .where('tenant_id', '=', tenantId)
      .where('key_hash', '=', keyHash)
      .where('fingerprint', '=', fingerprint)
      .where('answer', 'is', null)
      .execute();
  }

  async #read(tenantId: string, keyHash: Buffer): Promise<HeldBatch | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('batch_answer')
      .select(['fingerprint', 'answer'])
      .where('tenant_id', '=', tenantId)
      .where('key_hash', '=', keyHash)
      .executeTakeFirst();
    if (!row) return null;
    const answer =
      row.answer && (await this.keys.decryptFor(tenantId, row.answer, contextOf(tenantId, keyHash)));
    return { fingerprint: row.fingerprint, answer };
  }
}

function contextOf(tenantId: string, keyHash: Buffer): string {
  return `batch_answer/${tenantId}/${keyHash.toString('hex')}`;
}
