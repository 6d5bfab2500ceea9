import { type Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { healthMonitor } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';

const callMs = 5000;
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
    await this.client.connection.withDeadline(Date.now() + callMs, () =>
      this.client.workflow.start<typeof healthMonitor>('healthMonitor', {
        workflowId: `${this.taskQueue}-health-monitor`,
        taskQueue: maintenanceTaskQueue(this.taskQueue),
        args: [],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        typedSearchAttributes: [{ key: searchAttributes.kind, value: 'health' }],
      }),
    );
  }
}
