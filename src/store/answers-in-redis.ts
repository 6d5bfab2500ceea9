import { RESP_TYPES } from 'redis';
import { type CachedAnswer, cachedAnswerFrom, cachedAnswerText, type KeptAnswer } from './cached-answer';
import type { KeyRing } from './key-ring';
import type { SharedRedis } from './redis';

export interface RedisBounds {
  readonly ttlMs: number;
  /** Larger answers are not kept. */
  readonly maxEntryBytes: number;
}

const keyPrefix = 'conclave:answer:';

/** Cached answers that all replicas share, each encrypted for its tenant and bound to its key. */
export class AnswersInRedis {
  readonly #bytes;

  constructor(
    private readonly redis: SharedRedis,
    private readonly keys: KeyRing,
    private readonly bounds: RedisBounds,
  ) {
    this.#bytes = redis.client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  }

  /** @throws RedisAwayError */
  async get(key: string, tenantId: string): Promise<CachedAnswer | null> {
    const sealed = await this.redis.guard.ask('response_cache', () => this.#bytes.get(keyPrefix + key));
    if (sealed === null) return null;
    try {
      const bytes = await this.keys.decryptFor(tenantId, sealed, contextOf(key));
      return cachedAnswerFrom(bytes.toString());
    } catch {
      // Written under another tenant key or by another version, or tampered with: as good as not there.
      return null;
    }
  }

  /** @throws RedisAwayError */
  async put(key: string, tenantId: string, { answer }: KeptAnswer): Promise<void> {
    const bytes = Buffer.from(cachedAnswerText(answer));
    if (bytes.length > this.bounds.maxEntryBytes) return;
    const sealed = await this.keys.encryptFor(tenantId, bytes, contextOf(key));
    const expiration = { type: 'PX', value: this.bounds.ttlMs } as const;
    await this.redis.guard.ask('response_cache', () =>
      this.redis.client.set(keyPrefix + key, sealed, { expiration }),
    );
  }
}

function contextOf(key: string): string {
  return `response_cache/${key}`;
}
