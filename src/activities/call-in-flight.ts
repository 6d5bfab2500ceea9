/** Of what one member's answer took: so long after the last answer the others are behind. */
const patience = 2;
const leastPatienceMs = 100;

/** An attempt that answers for its members at different times, so that those who have theirs need not wait. */
export class CallInFlight<Results> {
  readonly done: Promise<Results>;
  readonly #startedAt = Date.now();
  #patienceMs: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lagging = false;
  #tell: () => void = () => void (this.#lagging = true);

  /** @param make starts the attempt, which says so whenever somebody is answered */
  constructor(make: (answered: () => void) => Promise<Results>) {
    this.done = make(() => this.#heard()).finally(() => {
      if (this.#timer) clearTimeout(this.#timer);
    });
    // Whoever waits sees its error; without anybody nobody needs it.
    this.done.catch(() => undefined);
  }

  /** Resolves when some members have been answered since the last time, and the others are behind. */
  lag(): Promise<void> {
    if (this.#lagging) {
      this.#lagging = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#tell = () => {
        this.#tell = () => void (this.#lagging = true);
        resolve();
      };
    });
  }

  #heard(): void {
    this.#patienceMs ??= Math.max(leastPatienceMs, patience * (Date.now() - this.#startedAt));
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), this.#patienceMs).unref();
  }
}
