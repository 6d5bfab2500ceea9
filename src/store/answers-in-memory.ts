import { LRUCache } from 'lru-cache';
import type { CachedAnswer } from './cached-answer';

export interface MemoryBounds {
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Cached answers of this process alone. */
export class AnswersInMemory {
  readonly #answers: LRUCache<string, CachedAnswer>;

  constructor({ ttlMs, maxEntries, maxBytes }: MemoryBounds, now = () => performance.now()) {
    this.#answers = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }, key) => bytes.length + key.length,
      ttl: ttlMs,
      perf: { now },
    });
  }

  async get(key: string): Promise<CachedAnswer | null> {
    return this.#answers.get(key) ?? null;
  }

  async put(key: string, _tenantId: string, answer: CachedAnswer): Promise<void> {
    this.#answers.set(key, answer);
  }
}
