export interface WriteBehindSettings {
  /** Items that may wait for the store, and characters of theirs. Default 20,000 and 20 million. */
  readonly maxWaiting?: number;
  readonly maxWaitingChars?: number;
  /** How long items are gathered before they are written, and a failed write is put off. */
  readonly gatherMs?: number;
  readonly retryMs?: number;
  /** What the items are, for the log. */
  readonly what: string;
  readonly log: { error(fields: object, message: string): void };
}

const maxRows = 500;

/**
 * Writes down off the hot path: who notes does not wait. What waits when the process is killed is gone; what the store
 * does not take in time is dropped, counted and reported, never in silence (ADR 15, 17).
 */
export class WriteBehind<T> {
  #waiting: { readonly item: T; readonly chars: number }[] = [];
  #waitingChars = 0;
  #timer: NodeJS.Timeout | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;
  #dropped = 0;

  constructor(
    private readonly write: (items: readonly T[]) => Promise<void>,
    private readonly settings: WriteBehindSettings,
  ) {}

  note(item: T, chars: number): void {
    const { maxWaiting = 20_000, maxWaitingChars = 20_000_000 } = this.settings;
    if (this.#waiting.length >= maxWaiting || this.#waitingChars + chars > maxWaitingChars)
      this.#dropped += 1;
    else {
      this.#waiting.push({ item, chars });
      this.#waitingChars += chars;
    }
    this.#schedule(this.settings.gatherMs ?? 100);
  }

  /** Resolves when all that was noted before is written. */
  flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#writeWaiting());
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.flush().catch((error: unknown) => {
      const lost = this.#waiting.length + this.#dropped;
      this.settings.log.error({ error, lost }, `${this.settings.what} could not be written`);
    });
  }

  #schedule(ms: number): void {
    if (this.#timer || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // The store may be away; what comes meanwhile waits, as long as there is room.
      this.flush().catch(() => this.#schedule(this.settings.retryMs ?? 1000));
    }, ms).unref();
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, maxRows);
      await this.write(batch.map(({ item }) => item));
      this.#waiting.splice(0, batch.length);
      for (const { chars } of batch) this.#waitingChars -= chars;
    }
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.settings.log.error({ dropped }, `${this.settings.what} found no room and were dropped`);
  }
}
