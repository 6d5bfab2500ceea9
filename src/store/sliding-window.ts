export const windowMs = 60_000;
/** Requests that come within so long of one another are counted as one, the last of them. */
export const sliceMs = 1000;

/** Requests that came together. */
interface Slice {
  readonly beganAt: number;
  lastAt: number;
  requests: number;
}

/** What a limit says to a call, and how it stands then. */
export interface Standing {
  readonly isAllowed: boolean;
  readonly remaining: number;
  /** Until there is room again: for a call that was refused, for as much as it asked for; else for anything more. */
  readonly resetMs: number;
}

/** The requests of the last 60 seconds: never more than the limit in any 60 seconds. Times are epoch ms. */
export class SlidingWindow {
  /** The oldest first. */
  readonly #slices: Slice[] = [];
  #total = 0;

  /** Whether there is nothing to remember. */
  isEmptyAt(now: number): boolean {
    this.#slide(now);
    return this.#slices.length === 0;
  }

  /** Nothing is counted yet. */
  standing(requests: number, limit: number, now: number): Standing {
    this.#slide(now);
    const isAllowed = this.#total + requests <= limit;
    const remaining = Math.max(0, limit - this.#total - (isAllowed ? requests : 0));
    return {
      isAllowed,
      remaining,
      resetMs: this.#roomIn(isAllowed ? 1 : this.#total + requests - limit, now),
    };
  }

  count(requests: number, now: number): void {
    const latest = this.#slices.at(-1);
    this.#total += requests;
    if (latest && now - latest.beganAt < sliceMs) {
      latest.lastAt = now;
      latest.requests += requests;
    } else this.#slices.push({ beganAt: now, lastAt: now, requests });
  }

  #slide(now: number): void {
    for (let oldest = this.#slices[0]; oldest && oldest.lastAt <= now - windowMs; oldest = this.#slices[0]) {
      this.#total -= oldest.requests;
      this.#slices.shift();
    }
  }

  /** Until so many have left the window; more than ever come: a whole window. */
  #roomIn(requests: number, now: number): number {
    let left = 0;
    for (const slice of this.#slices) {
      left += slice.requests;
      if (left >= requests) return slice.lastAt + windowMs - now;
    }
    return windowMs;
  }
}
