import { SetupError } from '../embedded/setup-error';

interface RunningPart {
  readonly name: string;
  readonly stop: () => Promise<void>;
}

/** What a process has started. It stops in reverse order; a part that ends by itself breaks the whole. */
export class RunningParts {
  readonly #parts: RunningPart[] = [];
  #break: (error: unknown) => void = () => undefined;
  /** Rejects when a part has ended by itself. */
  readonly broken = new Promise<never>((_resolve, reject) => (this.#break = reject));

  constructor() {
    // Nobody may be waiting yet, or any more.
    this.broken.catch(() => undefined);
  }

  add(name: string, stop: () => Promise<void>, broken?: Promise<never>): void {
    this.#parts.push({ name, stop });
    broken?.catch((error: unknown) => this.#break(error));
  }

  /** A server of ours, which ends only when it is told to. */
  addServer(
    name: string,
    logFile: string,
    server: { exited: Promise<string>; stop: () => Promise<void> },
  ): void {
    this.add(name, () => server.stop());
    void server.exited.then((how) =>
      this.#break(
        new SetupError(
          `Ended by itself: ${name} (${how}). Everything stops.`,
          `see ${logFile}, then start again; nothing that was accepted is lost`,
        ),
      ),
    );
  }

  /** @param announce called with the name of each part before it stops, and after it failed to */
  async stop(announce: (name: string, error?: unknown) => void): Promise<void> {
    for (const { name, stop } of this.#parts.splice(0).reverse()) {
      announce(name);
      await stop().catch((error: unknown) => announce(name, error));
    }
  }
}
