import type {
  BreakerForce,
  BreakerMerge,
  BreakerTransition,
  MergedBreaker,
  StoredBreaker,
} from '../contract/breaker';
import type { Breakers, Urgency } from './breakers';

/** Where the breakers of all processes come together. */
export interface BreakerStore {
  /** Breakers that have changed since it was asked last; at first all of them. */
  changed(): Promise<readonly StoredBreaker[]>;
  /** In turn with all other processes. */
  merge(merges: readonly BreakerMerge[], forced?: BreakerForce): Promise<readonly MergedBreaker[]>;
  remove(endpointIds: readonly string[]): Promise<void>;
  onChange(listener: () => void): void;
}

const delayMs: Readonly<Record<Urgency, number>> = { now: 0, soon: 250, later: 2000 };
const refreshMs = 400;
const retryMs = 1000;

/** Keeps the breakers of this process and of all others the same, beside all calls: views are at most a second old. */
export class BreakerSharing {
  #timer: NodeJS.Timeout | null = null;
  #due = Infinity;
  #looking: NodeJS.Timeout | null = null;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    private readonly breakers: Breakers,
    private readonly store: BreakerStore,
    private readonly onTransition: (endpointId: string, transition: BreakerTransition) => void,
    private readonly log: { warn(fields: object, message: string): void },
  ) {}

  /** Knows what is stored when it returns. */
  async start(): Promise<void> {
    await this.#look();
    this.breakers.on('news', (urgency) => this.#flushWithin(delayMs[urgency]));
    this.breakers.on('removed', (endpointIds) => this.#inTurn(() => this.store.remove(endpointIds)));
    this.store.onChange(() => this.#inTurn(() => this.#look()));
    this.#looking = setInterval(() => this.#inTurn(() => this.#look()), refreshMs).unref();
  }

  /** Tells what is still untold. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#looking) clearInterval(this.#looking);
    if (this.#timer) clearTimeout(this.#timer);
    this.#inTurn(() => this.#flush());
    await this.#work;
  }

  /**
   * By an operator: in effect here on return, elsewhere within a second.
   * @returns false when there is no such breaker
   * @throws when it could not be stored
   */
  async force(endpointId: string, force: BreakerForce): Promise<boolean> {
    const forced = this.breakers.forced(endpointId, force.action);
    if (!forced) return false;
    const done = this.#work.then(() => this.#merge([forced], force));
    this.#work = done.catch(() => undefined);
    await done;
    return true;
  }

  #flushWithin(ms: number): void {
    const due = Date.now() + ms;
    if (this.#stopped || due >= this.#due) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#due = Infinity;
      this.#inTurn(() => this.#flush());
    }, ms).unref();
  }

  async #flush(): Promise<void> {
    const news = this.breakers.takeNews();
    if (news.length === 0) return;
    try {
      await this.#merge(news);
    } catch (error) {
      this.breakers.newsFailed();
      this.#flushWithin(retryMs);
      throw error;
    }
  }

  async #merge(merges: readonly BreakerMerge[], forced?: BreakerForce): Promise<void> {
    for (const { stored, transitions } of await this.store.merge(merges, forced)) {
      this.breakers.merged(stored);
      for (const transition of transitions) this.onTransition(stored.endpoint_id, transition);
    }
  }

  async #look(): Promise<void> {
    for (const stored of await this.store.changed()) this.breakers.learned(stored);
  }

  /** One after the other, so that nothing older comes after something newer. */
  #inTurn(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      if (!this.#stopped) this.log.warn({ error }, 'breakers are not shared while the store is away');
    });
  }
}
