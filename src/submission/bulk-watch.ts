import type { BulkJob, BulkJobs } from '../store/bulk-jobs';
import type { Message, Notifications } from '../store/notifications';

/** Changes that come faster are told together. */
const leastMs = 250;
/** Looked at by itself, too, should a message have been lost. */
const lookAgainMs = 5000;

/** Follows bulk jobs as they go on, wherever they run. */
export class BulkWatch {
  constructor(
    private readonly jobs: BulkJobs,
    private readonly notifications: Notifications,
  ) {}

  /** The job as it is now, then after each change, to its end. A slow reader misses states, never the last. */
  async *changes(
    { bulkId, tenantId }: Pick<BulkJob, 'bulkId' | 'tenantId'>,
    signal: AbortSignal,
  ): AsyncGenerator<BulkJob> {
    const news = new News(bulkId, this.notifications);
    try {
      for (let last = ''; !signal.aborted;) {
        const job = await this.jobs.job(bulkId, tenantId);
        if (job === null) return;
        const state = JSON.stringify([job.status, job.outcomes, job.completedAt]);
        if (state !== last) yield job;
        last = state;
        if (job.completedAt !== null) return;
        await pause(leastMs, signal);
        await news.arrival(lookAgainMs, signal);
      }
    } finally {
      news.dispose();
    }
  }
}

/** Whether something was said about a job since somebody last asked. */
class News {
  #fresh = false;
  #waiting = new AbortController();
  readonly #listener = (message: Message): void => {
    if (message.kind === 'bulk' && message.bulk_id === this.bulkId) this.#tell();
  };
  readonly #tell = (): void => {
    this.#fresh = true;
    this.#waiting.abort();
  };

  constructor(
    private readonly bulkId: string,
    private readonly notifications: Notifications,
  ) {
    notifications.on('message', this.#listener);
    notifications.on('reconnected', this.#tell);
  }

  async arrival(withinMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#fresh) {
      this.#waiting = new AbortController();
      await pause(withinMs, AbortSignal.any([signal, this.#waiting.signal]));
    }
    this.#fresh = false;
  }

  dispose(): void {
    this.notifications.off('message', this.#listener);
    this.notifications.off('reconnected', this.#tell);
  }
}

/** Over when the time is up or `signal` fires. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms).unref();
    signal.addEventListener('abort', end);
  });
}
