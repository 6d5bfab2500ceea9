import { LRUCache } from 'lru-cache';
import type { CachedAnswer, KeptAnswer } from './cached-answer';

export interface MemoryBounds {
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Cached answers of this process alone. */
export class AnswersInMemory {
  readonly #answers: LRUCache<string, KeptAnswer>;

  constructor({ ttlMs, maxEntries, maxBytes }: MemoryBounds, now = () => performance.now()) {
    this.#answers = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: ({ size }, key) => size + key.length,
      ttl: ttlMs,
      perf: { now },
    });
  }

  async get(key: string): Promise<CachedAnswer | null> {
    return this.#answers.get(key)?.answer ?? null;
  }

  async put(key: string, _tenantId: string, kept: KeptAnswer): Promise<void> {
    this.#answers.set(key, kept);
  }
}
