/** Reads what others change: one reading at a time, and one after it for all who asked meanwhile. */
export class Rereading {
  #reading: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(private readonly read: () => Promise<void>) {}

  /** Resolves when all that was there before the call has been read. @throws what that reading throws */
  refresh(): Promise<void> {
    if (this.#next) return this.#next;
    if (!this.#reading) return this.#start();
    // What is under way may have read before the call.
    this.#next = this.#reading.catch(() => undefined).then(() => this.#start());
    return this.#next;
  }

  #start(): Promise<void> {
    this.#next = null;
    const reading = this.read().finally(() => {
      if (this.#reading === reading) this.#reading = null;
    });
    this.#reading = reading;
    return reading;
  }
}
