/** Requests wait so long before this process looks at them that refusing them as usual costs more than there is. */
const floodMs = 100;
/** Let in at once after a pause, in seconds of the rate. */
const burstS = 0.1;

export interface FloodgateDependencies {
  /** How long what arrives waits until this process looks at it. */
  readonly lagMs: () => number;
  /** Requests a second that can be served, as measured. */
  readonly perSecond: () => number;
  readonly now: () => number;
}

/**
 * Stands before the gate of {@link Admission}, which must read a request to judge it. In a flood no more are read than can
 * be served; the others are refused unread, whatever their priority, since reading them all would cost those who were let in
 * their time.
 */
export class Floodgate {
  #allowance = 0;
  #seenAt: number;

  constructor(private readonly deps: FloodgateDependencies) {
    this.#seenAt = deps.now();
  }

  /** Whether one that has just come is read. */
  admits(): boolean {
    if (this.deps.lagMs() < floodMs) return true;
    const now = this.deps.now();
    const perSecond = this.deps.perSecond();
    const earned = (perSecond * (now - this.#seenAt)) / 1000;
    this.#seenAt = now;
    this.#allowance = Math.min(perSecond * burstS, this.#allowance + earned);
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }
}
