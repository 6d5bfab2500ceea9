import { LRUCache } from 'lru-cache';
import type { DetectorResult } from '../contract/detector-result';

const rememberedMs = 60_000;
/** Seconds of full load; without a bound the results of a bulk job would all stay. */
const rememberedResults = 100_000;

/** Results by request. */
export type AttemptResults = ReadonlyMap<string, DetectorResult>;

/**
 * What this process knows of the calls of each run: results that are in, so that a repeated workflow task buys nothing
 * twice, and first attempts that were issued in parallel with the start (design.md 7, 1 and 5).
 */
export class DetectorMemo {
  readonly #results = new LRUCache<string, Map<string, DetectorResult>>({
    max: 50_000,
    maxSize: rememberedResults,
    sizeCalculation: (results) => Math.max(1, results.size),
    ttl: rememberedMs,
  });
  readonly #issued = new LRUCache<string, { promise: Promise<AttemptResults>; abort: AbortController }>({
    max: 10_000,
    ttl: rememberedMs,
  });
  readonly #issuedAt = new LRUCache<string, number>({ max: 50_000, ttl: rememberedMs });
  readonly #born = new LRUCache<string, true>({ max: 50_000, ttl: 10 * rememberedMs });

  /** A run that this process started: nothing of it can have been stored elsewhere before. */
  markBornHere(runId: string): void {
    this.#born.set(runId, true);
  }

  wasBornHere(runId: string): boolean {
    return this.#born.has(runId);
  }

  known(runId: string, detector: string): AttemptResults {
    return this.#results.get(keyOf(runId, detector)) ?? new Map<string, DetectorResult>();
  }

  remember(runId: string, detector: string, results: Iterable<readonly [string, DetectorResult]>): void {
    const key = keyOf(runId, detector);
    // A new map each time: the cache weighs a value when it comes in.
    this.#results.set(key, new Map([...(this.#results.get(key) ?? []), ...results]));
  }

  /** Issues the first attempt before the run has started. */
  issue(runId: string, detector: string, attempt: (signal: AbortSignal) => Promise<AttemptResults>): void {
    const abort = new AbortController();
    this.#issuedAt.set(keyOf(runId, detector), Date.now());
    const promise = attempt(abort.signal);
    // Whoever adopts the attempt sees its error; without an adopter nobody needs it.
    promise.catch(() => undefined);
    this.#issued.set(keyOf(runId, detector), { promise, abort });
  }

  /** When the first attempt was issued (epoch ms), if that was before the run asked for it. */
  issuedAt(runId: string, detector: string): number | undefined {
    return this.#issuedAt.get(keyOf(runId, detector));
  }

  /** Takes over an attempt that {@link issue} made; each can be taken once. */
  adopt(runId: string, detector: string): Promise<AttemptResults> | null {
    const key = keyOf(runId, detector);
    const issued = this.#issued.get(key);
    this.#issued.delete(key);
    return issued?.promise ?? null;
  }

  /** The run did not start: its calls are not wanted. */
  abandon(runId: string, detectors: readonly string[]): void {
    for (const detector of detectors) {
      const key = keyOf(runId, detector);
      this.#issued.get(key)?.abort.abort();
      this.#issued.delete(key);
      this.#issuedAt.delete(key);
    }
  }
}

function keyOf(runId: string, detector: string): string {
  return `${runId}/${detector}`;
}
