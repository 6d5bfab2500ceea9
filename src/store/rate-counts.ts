import { SlidingWindow, type Standing, windowMs } from './sliding-window';

/** So many requests of those that one limit counts. */
export interface Charge {
  /** Of the limit; whatever has one name is counted together. */
  readonly name: string;
  readonly perMinute: number;
  readonly requests: number;
}

/** Counts requests against limits: where all allow them all, else nowhere. */
export interface RateCounts {
  /** @returns the standings, in the order of the charges */
  charge(charges: readonly Charge[]): readonly Standing[] | Promise<readonly Standing[]>;
}

/** Counts of this process alone. */
export class CountsInMemory implements RateCounts {
  readonly #windows = new Map<string, SlidingWindow>();
  #clearedAt = 0;

  constructor(private readonly now: () => number = Date.now) {}

  charge(charges: readonly Charge[]): readonly Standing[] {
    const now = this.now();
    this.#forgetIdle(now);
    const standings = charges.map(({ name, requests, perMinute }) =>
      (this.#windows.get(name) ?? new SlidingWindow()).standing(requests, perMinute, now),
    );
    if (standings.every(({ isAllowed }) => isAllowed))
      for (const { name, requests } of charges) this.#windowOf(name).count(requests, now);
    return standings;
  }

  #windowOf(name: string): SlidingWindow {
    const known = this.#windows.get(name);
    if (known) return known;
    const window = new SlidingWindow();
    this.#windows.set(name, window);
    return window;
  }

  /** Bundles that nobody has may be named, too. */
  #forgetIdle(now: number): void {
    if (now - this.#clearedAt < windowMs) return;
    this.#clearedAt = now;
    for (const [name, window] of this.#windows) if (window.isEmptyAt(now)) this.#windows.delete(name);
  }
}
