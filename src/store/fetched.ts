import { LRUCache } from 'lru-cache';

/**
 * What was fetched, and what is being fetched: who asks meanwhile waits for the same. Failures, and what is not there,
 * are not kept.
 */
export class Fetched<Value> {
  readonly #kept: LRUCache<string, Promise<Value | null>>;

  constructor(
    private readonly fetch: (name: string) => Promise<Value | null>,
    bounds: { readonly max: number; readonly ttl?: number },
  ) {
    this.#kept = new LRUCache(bounds);
  }

  get(name: string): Promise<Value | null> {
    const known = this.#kept.get(name);
    if (known) return known;
    const fetching = this.fetch(name);
    this.#kept.set(name, fetching);
    const drop = (): void => {
      if (this.#kept.peek(name) === fetching) this.#kept.delete(name);
    };
    fetching.then((value) => value === null && drop(), drop);
    return fetching;
  }

  put(name: string, value: Value): void {
    this.#kept.set(name, Promise.resolve(value));
  }

  /** Who waits for it gets it yet; the next who asks has it fetched anew. */
  forget(name: string): void {
    this.#kept.delete(name);
  }

  forgetAll(): void {
    this.#kept.clear();
  }
}
