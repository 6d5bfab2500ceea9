import type { LoadSample } from './load-order';

/** Decides which answers are counted: those from the opening of the window, after the warm-up, to its end. */
export class Window {
  readonly sample: LoadSample;
  readonly #begun: number;
  readonly #answeredOnce = new Set<object>();
  #opens = Infinity;
  #markOver: () => void = () => undefined;
  readonly #over = new Promise<void>((resolve) => (this.#markOver = resolve));

  /**
   * @param clients the window opens when so many had an answer, or after `limitMs`; 0: when the warm-up is over
   */
  constructor(
    private readonly spans: { warmupMs: number; windowMs: number },
    private readonly clients: number,
    private readonly limitMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#begun = now();
    this.sample = { windowMs: spans.windowMs, sent: 0, latenciesMs: {}, network: 0, answered: {} };
    if (clients === 0) this.#open(this.#begun + spans.warmupMs);
  }

  sent(): void {
    if (this.#isInside(this.now())) this.sample.sent += 1;
  }

  answered(client: object, status: string, latencyMs: number): void {
    const now = this.now();
    this.sample.answered[status] = (this.sample.answered[status] ?? 0) + 1;
    if (this.#opens === Infinity) {
      this.#answeredOnce.add(client);
      if (this.#answeredOnce.size === this.clients || now > this.#begun + this.limitMs) {
        this.#open(Math.max(now, this.#begun + this.spans.warmupMs));
      }
    }
    if (this.#isInside(now)) (this.sample.latenciesMs[status] ??= []).push(latencyMs);
  }

  failed(count: number): void {
    this.sample.network += count;
  }

  isOver(): boolean {
    return this.now() > this.#opens + this.spans.windowMs;
  }

  /** Resolves at the end of the window. */
  over(): Promise<void> {
    return this.#over;
  }

  #open(at: number): void {
    this.#opens = at;
    setTimeout(this.#markOver, at + this.spans.windowMs - this.now());
  }

  #isInside(now: number): boolean {
    return now >= this.#opens && now <= this.#opens + this.spans.windowMs;
  }
}
