import type { Notifications } from './notifications';
import type { Orchestrations, StoredAnswer } from './orchestrations';
import type { Published } from './outcomes';

const rereadMs = 250;

interface Waiter {
  readonly runId: () => string | null;
  readonly resolve: (answer: StoredAnswer) => void;
}

/**
 * Where facades wait for answers (design.md 2 and 7, 14): delivered in process when this process publishes, woken by
 * NOTIFY when another does, and re-read from the store in between, so that no lost message costs an answer.
 */
export class ResultHub {
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #aggregated = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly orchestrations: Orchestrations,
    private readonly notifications: Notifications,
  ) {
    notifications.on('message', (message) => {
      if (message.kind === 'published') {
        this.forgetRun(message.run_id);
        void this.#reread(this.#idsOf(message.run_id));
      }
      if (message.kind === 'aggregated' && this.#idsOf(message.run_id).length > 0) {
        this.#aggregated.add(message.run_id);
      }
    });
    notifications.on('reconnected', () => void this.#reread([...this.#waiters.keys()]));
  }

  /**
   * @param runId the run that serves the request; null while that is not known
   * @returns the answer, or null when `deadline` (epoch ms) came first
   */
  wait(requestId: string, runId: () => string | null, deadline: number): Promise<StoredAnswer | null> {
    return new Promise((resolve) => {
      const waiter: Waiter = { runId, resolve: (answer) => finish(answer) };
      const timer = setTimeout(() => finish(null), Math.max(0, deadline - Date.now()));
      const finish = (answer: StoredAnswer | null): void => {
        clearTimeout(timer);
        this.#remove(requestId, waiter);
        resolve(answer);
      };
      this.#add(requestId, waiter);
    });
  }

  deliver(published: readonly Published[]): void {
    for (const { requestId, answer } of published) {
      if (answer) this.#resolve(requestId, answer);
    }
  }

  /** The detectors of a run are done and aggregated; only the mapper is still to answer. */
  async announceAggregated(runId: string, facadeId: string | null, ownId: string): Promise<void> {
    if (facadeId === ownId) this.#aggregated.add(runId);
    else if (facadeId !== null) await this.notifications.send({ kind: 'aggregated', run_id: runId });
  }

  isAggregated(runId: string): boolean {
    return this.#aggregated.has(runId);
  }

  forgetRun(runId: string): void {
    this.#aggregated.delete(runId);
  }

  #add(requestId: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(requestId);
    if (waiters) waiters.add(waiter);
    else this.#waiters.set(requestId, new Set([waiter]));
    this.#timer ??= setInterval(() => void this.#reread([...this.#waiters.keys()]), rereadMs).unref();
  }

  #remove(requestId: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(requestId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(requestId);
    if (this.#waiters.size === 0 && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  #resolve(requestId: string, answer: StoredAnswer): void {
    for (const waiter of this.#waiters.get(requestId) ?? []) waiter.resolve(answer);
  }

  #idsOf(runId: string): string[] {
    const ids: string[] = [];
    for (const [requestId, waiters] of this.#waiters) {
      for (const waiter of waiters) {
        if (waiter.runId() !== runId) continue;
        ids.push(requestId);
        break;
      }
    }
    return ids;
  }

  async #reread(requestIds: readonly string[]): Promise<void> {
    if (requestIds.length === 0) return;
    try {
      for (const [requestId, answer] of await this.orchestrations.finalAnswers(requestIds)) {
        this.#resolve(requestId, answer);
      }
    } catch {
      // The store is away; the next look comes in a moment, and the deadline holds in any case.
    }
  }
}
