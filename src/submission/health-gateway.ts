import type { Client } from '@temporalio/client';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { healthMonitor } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import { startUnlessRunning } from './start-unless-running';

const againMs = 30_000;

/** Keeps the one durable monitor of upstreams running, whatever ends it. */
export class HealthGateway {
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
    private readonly log: { warn(fields: object, message: string): void },
  ) {}

  start(): void {
    const ensure = () =>
      void this.#ensure().catch((error: unknown) =>
        this.log.warn(
          { error },
          'the monitor of upstreams could not be started; the next try comes in a moment',
        ),
      );
    ensure();
    this.#timer = setInterval(ensure, againMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  async #ensure(): Promise<void> {
    await startUnlessRunning<typeof healthMonitor>(this.client, 'healthMonitor', {
      workflowId: `${this.taskQueue}-health-monitor`,
      taskQueue: maintenanceTaskQueue(this.taskQueue),
      args: [],
      typedSearchAttributes: [{ key: searchAttributes.kind, value: 'health' }],
    });
  }
}
