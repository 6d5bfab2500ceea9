import { AnswersInMemory } from './answers-in-memory';
import { AnswersInRedis } from './answers-in-redis';
import type { CachedAnswer, KeptAnswer } from './cached-answer';
import type { KeyRing } from './key-ring';
import type { SharedRedis } from './redis';
import { RedisAwayError } from './redis-guard';

/** What there is under a key; `unavailable`: nobody can say. */
export type Lookup =
  { readonly kind: 'hit'; readonly answer: CachedAnswer } | { readonly kind: 'miss' | 'unavailable' };

type Backend = Pick<AnswersInMemory, 'get' | 'put'> | Pick<AnswersInRedis, 'get' | 'put'>;

/** Told of every use; a miss: nothing was found, or could be kept. */
export type CacheAsked = (operation: 'get' | 'set', result: 'hit' | 'miss', tenantId: string) => void;

/** No single answer takes up more of it. */
const maxEntryShare = 16;

export interface ResponseCacheSettings {
  readonly cache_enabled: boolean;
  readonly response_cache_ttl_seconds: number;
  readonly response_cache_max_entries: number;
  readonly response_cache_max_bytes: number;
}

/** Answers to content that was judged before (spec/orchestration.md 6): a convenience, whose loss costs no request. */
export class ResponseCache {
  constructor(
    private readonly backend: Backend,
    private readonly asked: CacheAsked = () => undefined,
  ) {}

  async lookUp(key: string, tenantId: string): Promise<Lookup> {
    try {
      const answer = await this.backend.get(key, tenantId);
      this.asked('get', answer ? 'hit' : 'miss', tenantId);
      return answer ? { kind: 'hit', answer } : { kind: 'miss' };
    } catch (error) {
      if (!(error instanceof RedisAwayError)) throw error;
      this.asked('get', 'miss', tenantId);
      return { kind: 'unavailable' };
    }
  }

  async remember(key: string, tenantId: string, kept: KeptAnswer): Promise<void> {
    try {
      await this.backend.put(key, tenantId, kept);
      this.asked('set', 'hit', tenantId);
    } catch (error) {
      if (!(error instanceof RedisAwayError)) throw error;
      this.asked('set', 'miss', tenantId);
    }
  }
}

/** Shared by all replicas where there is a Redis, else each process's own. @returns null when it is turned off */
export function openResponseCache(
  settings: ResponseCacheSettings,
  redis: SharedRedis | null,
  keys: KeyRing,
  asked: CacheAsked,
): ResponseCache | null {
  const ttlMs = settings.response_cache_ttl_seconds * 1000;
  if (!settings.cache_enabled || ttlMs === 0) return null;
  const { response_cache_max_entries: maxEntries, response_cache_max_bytes: maxBytes } = settings;
  if (redis === null) return new ResponseCache(new AnswersInMemory({ ttlMs, maxEntries, maxBytes }), asked);
  return new ResponseCache(
    new AnswersInRedis(redis, keys, { ttlMs, maxEntryBytes: maxBytes / maxEntryShare }),
    asked,
  );
}
