import { randomUUID } from 'node:crypto';
import type { Figures, Metrics } from './metrics';

/** Where the figures of all processes come together. */
export interface FigureStore {
  ofOthers(processId: string): Promise<readonly Figures[]>;
  /** @returns false when the process was taken for ended meanwhile */
  write(processId: string, figures: Figures, isFirst: boolean): Promise<boolean>;
  retire(): Promise<void>;
}

const shareMs = 5000;

/** Tells the other processes what this one has counted, and whoever asks this one what all of them have. */
export class FigureSharing {
  #processId = randomUUID();
  #written: string | null = null;
  #others: readonly Figures[] = [];
  #timer: NodeJS.Timeout | null = null;
  #work: Promise<void> = Promise.resolve();

  constructor(
    private readonly metrics: Metrics,
    private readonly store: FigureStore,
    /** Done along with it; what fails is done again the next time. */
    private readonly besides: () => Promise<void>,
  ) {}

  start(): void {
    this.#timer = setInterval(() => this.#inTurn(), shareMs).unref();
  }

  /** Leaves behind what was counted. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#inTurn();
    await this.#work;
  }

  /** While the store is away the others' figures are those that were last known. */
  async page(): Promise<string> {
    this.#others = await this.store.ofOthers(this.#processId).catch(() => this.#others);
    return this.metrics.page(this.#others);
  }

  #inTurn(): void {
    this.#work = this.#work.then(() => this.#share()).catch(() => undefined);
  }

  async #share(): Promise<void> {
    const figures = await this.metrics.figures();
    const isFirst = this.#written === null;
    if (await this.store.write(this.#processId, figures, isFirst)) {
      this.#written = this.#processId;
    } else {
      this.#processId = randomUUID();
      this.#written = null;
      this.metrics.startAnew();
    }
    await this.store.retire();
    await this.besides();
  }
}
