import type { CachedAnswer } from '../store/cached-answer';

/**
 * How an execution ended for those who waited for it: with an answer that may be given to others, as a job of the one
 * who started it, or in a way that is nobody else's.
 */
export type Landing =
  { readonly kind: 'answered'; readonly answer: CachedAnswer } | { readonly kind: 'converted' | 'own' };

export interface Takeoff {
  /**
   * Tells all who wait.
   * @param kept until this has settled, who comes joins what has landed: no gap between flight and cache
   */
  land(landing: Landing, kept?: Promise<void>): void;
}

/** Identical requests in flight in this process (design.md 7, 20): at most one execution a key, joined by the others. */
export class Flights {
  readonly #flights = new Map<string, Promise<Landing>>();

  /** @returns null when none is under way */
  join(key: string): Promise<Landing> | null {
    return this.#flights.get(key) ?? null;
  }

  takeOff(key: string): Takeoff {
    let resolve: (landing: Landing) => void = () => undefined;
    const flight = new Promise<Landing>((settle) => (resolve = settle));
    this.#flights.set(key, flight);
    const leave = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    return {
      land: (landing, kept) => {
        if (kept === undefined) leave();
        else void kept.finally(leave);
        resolve(landing);
      },
    };
  }
}
