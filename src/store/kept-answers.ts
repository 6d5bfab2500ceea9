import { timingSafeEqual } from 'node:crypto';
import { sql } from 'kysely';
import type { Db } from './database';
import type { KeyRing } from './key-ring';
import { inOneTransaction } from './one-transaction';

/** A change under a caller's Idempotency-Key; kept hashed. */
export interface KeyedCall {
  readonly tenantId: string;
  readonly route: string;
  readonly keyHash: Buffer;
  readonly fingerprint: Buffer;
}

export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Attempt =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'kept'; readonly answer: KeptAnswer }
  /** Under another body. */
  | { readonly outcome: 'conflict' }
  /** Somebody does it now. */
  | { readonly outcome: 'busy' }
  /** As much is done here as may be at a time. */
  | { readonly outcome: 'full' };

type Step = 'change_claimed' | 'change_made' | 'change_kept' | 'change_committed';

/** Of one tenant: a detector that takes its time holds up nobody else's changes. */
const mostOfATenant = 2;
/** Undoes a change whose answer is not kept. */
const unkept = new Error('the answer is not kept');
/** Longer than a change waits for what it asks of the network. */
const idleMs = 120_000;

/**
 * Table `kept_answer`: changes and the answers to them, in one transaction (docs/adr/0026). A lock of that transaction is
 * the claim on the key, so that nothing is left of a process that dies: neither the claim nor the change.
 */
export class KeptAnswers {
  readonly #atATime: string[] = [];

  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    private readonly retentionMs: number,
    /** Each holds a connection. */
    private readonly mostAtATime: number,
    /** Where tests of recovery kill the process. */
    private readonly pause: (at: Step) => Promise<void>,
  ) {}

  /** @param work null: an answer that is not kept, which undoes what was changed and frees the key */
  async attempt(call: KeyedCall, work: () => Promise<KeptAnswer | null>): Promise<Attempt> {
    if (!this.#hasRoomFor(call.tenantId)) return { outcome: 'full' };
    this.#atATime.push(call.tenantId);
    try {
      // Before there are locks: a key that has to be made is made over another connection, in turn with all who change keys.
      await this.keys.encryptFor(call.tenantId, Buffer.alloc(0), nameOf(call));
      const attempt = await inOneTransaction(this.db, (tx) => this.#attempt(tx, call, work));
      if (attempt.outcome === 'done') await this.pause('change_committed');
      return attempt;
    } catch (error) {
      if (error === unkept) return { outcome: 'done' };
      throw error;
    } finally {
      this.#atATime.splice(this.#atATime.indexOf(call.tenantId), 1);
    }
  }

  #hasRoomFor(tenantId: string): boolean {
    const ofTenant = this.#atATime.filter((one) => one === tenantId).length;
    return this.#atATime.length < this.mostAtATime && ofTenant < mostOfATenant;
  }

  async #attempt(tx: Db, call: KeyedCall, work: () => Promise<KeptAnswer | null>): Promise<Attempt> {
    if (!(await lock(tx, call))) return { outcome: 'busy' };
    await this.pause('change_claimed');
    const kept = await this.#read(tx, call);
    if (kept) return kept;
    const answer = await work();
    if (answer === null) throw unkept;
    await this.pause('change_made');
    await this.#keep(tx, call, answer);
    await this.pause('change_kept');
    return { outcome: 'done' };
  }

  async #read(tx: Db, call: KeyedCall): Promise<Attempt | null> {
    const row = await tx
      .selectFrom('kept_answer')
      .select(['fingerprint', 'answer'])
      .where('tenant_id', '=', call.tenantId)
      .where('route', '=', call.route)
      .where('key_hash', '=', call.keyHash)
      .where('expires_at', '>', new Date())
      .executeTakeFirst();
    if (!row) return null;
    if (!timingSafeEqual(row.fingerprint, call.fingerprint)) return { outcome: 'conflict' };
    const bytes = await this.keys.decryptFor(call.tenantId, row.answer, nameOf(call));
    return { outcome: 'kept', answer: JSON.parse(bytes.toString()) as KeptAnswer };
  }

  async #keep(tx: Db, call: KeyedCall, answer: KeptAnswer): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(answer));
    const kept = {
      fingerprint: call.fingerprint,
      answer: await this.keys.encryptFor(call.tenantId, bytes, nameOf(call)),
      expires_at: new Date(Date.now() + this.retentionMs),
    };
    await tx
      .insertInto('kept_answer')
      .values({ tenant_id: call.tenantId, route: call.route, key_hash: call.keyHash, ...kept })
      // One that has expired and was not removed yet.
      .onConflict((conflict) => conflict.columns(['tenant_id', 'route', 'key_hash']).doUpdateSet(kept))
      .execute();
  }
}

async function lock(tx: Db, call: KeyedCall): Promise<boolean> {
  const { rows } = await sql<{ locked: boolean }>`
    select set_config('idle_in_transaction_session_timeout', ${String(idleMs)}, true),
      pg_try_advisory_xact_lock(hashtextextended(${nameOf(call)}, 0)) as locked`.execute(tx);
  return rows[0]!.locked;
}

function nameOf({ tenantId, route, keyHash }: KeyedCall): string {
  return `kept_answer/${tenantId}/${route}/${keyHash.toString('hex')}`;
}
