import { LRUCache } from 'lru-cache';
import type { Notifications } from '../store/notifications';
import type { Orchestrations } from '../store/orchestrations';

const rememberedMs = 120_000;

/** Cancellation reaches activities through the store, not through Temporal (design.md 7, 3). */
export class RunControls {
  readonly #cancelled = new LRUCache<string, true>({ max: 100_000, ttl: rememberedMs });
  /** Checks of those who wait for a cancellation, with the requests each waits for. */
  readonly #checks = new Map<() => void, readonly string[]>();

  constructor(
    private readonly orchestrations: Orchestrations,
    notifications: Notifications,
  ) {
    notifications.on('message', (message) => {
      if (message.kind !== 'cancelled') return;
      this.#cancelled.set(message.request_id, true);
      this.#checkAll();
    });
    notifications.on('reconnected', () => void this.#lookAgain());
  }

  isCancelled(requestId: string): boolean {
    return this.#cancelled.has(requestId);
  }

  /** Asks the store, for a process that may have missed the message. */
  async refresh(requestIds: readonly string[]): Promise<void> {
    for (const requestId of await this.orchestrations.cancelledAmong(requestIds)) {
      this.#cancelled.set(requestId, true);
    }
  }

  /** A signal that fires when none of the requests is wanted any more; release it with `dispose`. */
  allCancelled(requestIds: readonly string[]): { signal: AbortSignal; dispose: () => void } {
    const controller = new AbortController();
    const check = (): void => {
      if (requestIds.every((requestId) => this.isCancelled(requestId)))
        controller.abort(new CancelledByCaller());
    };
    this.#checks.set(check, requestIds);
    check();
    return { signal: controller.signal, dispose: () => this.#checks.delete(check) };
  }

  /** What was cancelled while nobody listened. */
  async #lookAgain(): Promise<void> {
    const waitedFor = [...new Set([...this.#checks.values()].flat())];
    if (waitedFor.length === 0) return;
    // Without the store the calls go on to their own limits, and publication finds the cancellation.
    await this.refresh(waitedFor).catch(() => undefined);
    this.#checkAll();
  }

  #checkAll(): void {
    for (const check of this.#checks.keys()) check();
  }
}

/** Reason of an abort that the caller asked for. */
export class CancelledByCaller extends Error {
  override readonly name = 'CancelledByCaller';
}
