import { LRUCache } from 'lru-cache';
import type { DetectorResult } from '../contract/detector-result';
import { CallInFlight } from './call-in-flight';

const rememberedMs = 60_000;
/** A workflow task whose completion was lost comes again after 3 s. */
const settledMs = 10_000;
/** Seconds of full load; without a bound the results of a bulk job would all stay. */
const rememberedResults = 100_000;

/** Results by request. */
export type AttemptResults = ReadonlyMap<string, DetectorResult>;

/** An attempt tells of answers as they come. */
type Answered = (results: AttemptResults) => void;

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
  readonly #issued = new LRUCache<
    string,
    { call: CallInFlight<AttemptResults>; abort: AbortController | null }
  >({
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

  /** Begins an attempt; what it tells is remembered as it comes. */
  begin(
    runId: string,
    detector: string,
    attempt: (answered: Answered) => Promise<AttemptResults>,
  ): CallInFlight<AttemptResults> {
    return new CallInFlight(async (heard) => {
      const results = await attempt((fresh) => {
        this.remember(runId, detector, fresh);
        heard();
      });
      this.remember(runId, detector, results);
      return results;
    });
  }

  /** Issues the first attempt before the run has started. */
  issue(
    runId: string,
    detector: string,
    attempt: (signal: AbortSignal, answered: Answered) => Promise<AttemptResults>,
  ): void {
    const abort = new AbortController();
    this.#issuedAt.set(keyOf(runId, detector), Date.now());
    const call = this.begin(runId, detector, (answered) => attempt(abort.signal, answered));
    this.#issued.set(keyOf(runId, detector), { call, abort });
  }

  /** Leaves an attempt to who asks next for those that it has not answered for. */
  leave(runId: string, detector: string, call: CallInFlight<AttemptResults>): void {
    this.#issued.set(keyOf(runId, detector), { call, abort: null });
  }

  /** When the first attempt was issued (epoch ms), if that was before the run asked for it. */
  issuedAt(runId: string, detector: string): number | undefined {
    return this.#issuedAt.get(keyOf(runId, detector));
  }

  /** Takes over an attempt that was issued or left; each can be taken once. */
  adopt(runId: string, detector: string): CallInFlight<AttemptResults> | null {
    const key = keyOf(runId, detector);
    const issued = this.#issued.get(key);
    this.#issued.delete(key);
    return issued?.call ?? null;
  }

  /**
   * The run is published. Its last workflow task may still be repeated; then nothing of it is needed, and at full load
   * what is kept for a minute is most of the heap.
   */
  settle(runId: string, detectors: readonly string[]): void {
    setTimeout(() => {
      this.#born.delete(runId);
      for (const detector of detectors) {
        const key = keyOf(runId, detector);
        this.#results.delete(key);
        this.#issued.delete(key);
        this.#issuedAt.delete(key);
      }
    }, settledMs).unref();
  }

  /** The run did not start: its calls are not wanted. */
  abandon(runId: string, detectors: readonly string[]): void {
    for (const detector of detectors) {
      const key = keyOf(runId, detector);
      this.#issued.get(key)?.abort?.abort();
      this.#issued.delete(key);
      this.#issuedAt.delete(key);
    }
  }
}

function keyOf(runId: string, detector: string): string {
  return `${runId}/${detector}`;
}
