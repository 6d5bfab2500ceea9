import { hear, type Message, type Notifications } from '../store/notifications';

export interface DispatcherDependencies<Delivery> {
  /** For the log. */
  readonly what: string;
  /** After what there may be something due. */
  readonly after: readonly Message['kind'][];
  readonly notifications: Pick<Notifications, 'on'>;
  /** What is taken and not delivered comes up again. */
  readonly takeDue: (limit: number) => Promise<readonly Delivery[]>;
  readonly handBack: (deliveries: readonly Delivery[]) => Promise<void>;
  /** Starts its workflow; one that runs already goes on. */
  readonly begin: (delivery: Delivery) => Promise<unknown>;
  readonly log: { warn(fields: object, message: string): void };
}

/** Things become due in crowds: so long after one look the next comes at the earliest. */
const restMs = 250;
const lookAgainMs = 5000;
const batch = 50;

/**
 * Starts a workflow for each delivery that is due. What is due is in the store, and a start is repeated under one id: a
 * process that dies between any two steps leaves nothing out, and starts nothing twice.
 */
export class Dispatcher<Delivery> {
  #timer: NodeJS.Timeout | null = null;
  #resting: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(private readonly deps: DispatcherDependencies<Delivery>) {}

  start(): void {
    for (const kind of this.deps.after) hear(this.deps.notifications, kind, () => this.#wake());
    this.#timer = setInterval(() => this.#wake(), lookAgainMs).unref();
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearInterval(this.#timer);
    if (this.#resting) clearTimeout(this.#resting);
    await this.#looking;
  }

  /** Now, or after a rest; wakes in between are one. */
  #wake(): void {
    if (this.#stopped) return;
    if (this.#looking || this.#resting) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#looking = this.#look()
      .catch((error: unknown) =>
        this.deps.log.warn(
          { error },
          `${this.deps.what} wait for the store or the engine; the next try comes in a moment`,
        ),
      )
      .finally(() => {
        this.#looking = null;
        this.#resting = setTimeout(() => {
          this.#resting = null;
          if (this.#again) this.#wake();
        }, restMs).unref();
      });
  }

  async #look(): Promise<void> {
    for (;;) {
      const due = await this.deps.takeDue(batch);
      const left = [...due];
      try {
        for (const delivery of due) {
          await this.deps.begin(delivery);
          left.shift();
        }
      } catch (error) {
        await this.deps.handBack(left);
        throw error;
      }
      if (due.length < batch || this.#stopped) return;
    }
  }
}
