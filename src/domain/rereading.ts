/** Reads what others change: one reading at a time, and one after it for all who asked meanwhile. */
export class Rereading {
  #reading: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  #failing = false;

  /** @param failed hears why a {@link catchUp} has failed, once until one succeeds */
  constructor(
    private readonly read: () => Promise<void>,
    private readonly failed: (error: unknown) => void = () => undefined,
  ) {}

  /** Resolves when all that was there before the call has been read. @throws what that reading throws */
  refresh(): Promise<void> {
    if (this.#next) return this.#next;
    if (!this.#reading) return this.#start();
    // What is under way may have read before the call.
    this.#next = this.#reading.catch(() => undefined).then(() => this.#start());
    return this.#next;
  }

  /** As {@link refresh}, but a reading that fails leaves what is known. */
  async catchUp(): Promise<void> {
    try {
      await this.refresh();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.failed(error);
      this.#failing = true;
    }
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
