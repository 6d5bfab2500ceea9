const tickMs = 20;
const smoothing = 0.2;

/** How long what arrives waits until this process looks at it: the line before the door, which no counter sees. */
export class LoopLag {
  #lagMs = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(now: () => number) {
    let last = now();
    this.#timer = setInterval(() => {
      const late = Math.max(0, now() - last - tickMs);
      last = now();
      this.#lagMs += smoothing * (late - this.#lagMs);
    }, tickMs).unref();
  }

  get ms(): number {
    return this.#lagMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
