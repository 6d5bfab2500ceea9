import type { KeptAnswer } from '../store/cached-answer';

/**
 * How an execution ended for those who waited for it: with an answer that may be given to others, as a job of the one
 * who started it, or in a way that is nobody else's.
 */
export type Landing =
  { readonly kind: 'answered'; readonly kept: KeptAnswer } | { readonly kind: 'converted' | 'own' };

/** Identical requests in flight in this process (design.md 7, 20): one execution a key, joined by the others. */
export class Flights {
  readonly #flights = new Map<string, Promise<Landing>>();

  /** @returns null when none is under way */
  join(key: string): Promise<Landing> | null {
    return this.#flights.get(key) ?? null;
  }

  /** @returns to be called in any case, once: tells all who have joined */
  takeOff(key: string): (landing: Landing) => void {
    let resolve: (landing: Landing) => void = () => undefined;
    this.#flights.set(key, new Promise<Landing>((settle) => (resolve = settle)));
    return (landing) => {
      this.#flights.delete(key);
      resolve(landing);
    };
  }
}
