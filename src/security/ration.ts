/** So many of a thing in each stretch of time; those beyond are only counted. */
export class Ration {
  #endsAt = -Infinity;
  #left = 0;
  #refused = 0;

  constructor(
    private readonly amount: number,
    private readonly ms: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** How many were refused since the last that was not; null: this one is. */
  take(): number | null {
    const now = this.now();
    if (now >= this.#endsAt) {
      this.#endsAt = now + this.ms;
      this.#left = this.amount;
    }
    if (this.#left === 0) {
      this.#refused++;
      return null;
    }
    this.#left--;
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }
}
