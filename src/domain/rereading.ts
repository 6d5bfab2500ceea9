/** Reads what others change: one reading at a time, and another after it for those who asked meanwhile. */
export class Rereading {
  #reading: Promise<void> | null = null;
  #again = false;

  constructor(private readonly read: () => Promise<void>) {}

  /** Resolves when all that was there before the call has been read. @throws what reading throws */
  async refresh(): Promise<void> {
    if (this.#reading) {
      // What is under way may have read before that.
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readUntilSettled();
    try {
      await this.#reading;
    } finally {
      this.#reading = null;
    }
  }

  async #readUntilSettled(): Promise<void> {
    do {
      this.#again = false;
      await this.read();
    } while (this.#again);
  }
}
