import { Rereading } from './rereading';

export interface ChangesByOthers {
  /** Calls when another process has changed something, or when that may have been missed. */
  readonly onHint: (listener: () => void) => void;
  /** Hears why a look has failed, once until one succeeds. */
  readonly failed: (error: unknown) => void;
}

const lookEveryMs = 400;

/** {@link Rereading} at every hint, and every so often: a hint that is lost delays what it tells of by that much. */
export class Following extends Rereading {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    read: () => Promise<void>,
    private readonly changes: ChangesByOthers,
  ) {
    super(read, (error) => changes.failed(error));
  }

  /** Returns when all that is there has been read. @throws what that reading throws */
  async start(): Promise<void> {
    this.changes.onHint(() => void this.catchUp());
    await this.refresh();
    this.#timer = setInterval(() => void this.catchUp(), lookEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
