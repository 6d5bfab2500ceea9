import type { Client } from '@temporalio/client';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { bulkPriorityKey } from '../domain/priority';
import { bulkTaskQueue } from '../domain/task-queues';
import type { bulkRun } from '../workflows';
import { bulkChanged } from '../workflows/bulk-signals';
import { searchAttributes } from '../workflows/search-attributes';

const callMs = 5000;

/** Temporal as bulk jobs see it: the id of the workflow is the id of the job. */
export class BulkGateway {
  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
  ) {}

  /** Starts the run of a job unless it is running. It takes up where one that ended has left off. */
  async start(bulkId: string, tenantId: string): Promise<void> {
    try {
      await this.#inTime(() =>
        this.client.workflow.start<typeof bulkRun>('bulkRun', {
          workflowId: bulkId,
          taskQueue: bulkTaskQueue(this.taskQueue),
          args: [{ bulk_id: bulkId, tenant_id: tenantId, after: -1 }],
          workflowTaskTimeout: '3s',
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
          priority: { priorityKey: bulkPriorityKey, fairnessKey: tenantId },
          typedSearchAttributes: [
            { key: searchAttributes.kind, value: 'bulk' },
            { key: searchAttributes.tenant, value: tenantId },
          ],
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  /** Tells a run to look into the store. */
  async wake(bulkId: string): Promise<void> {
    await this.#ifRunning(() => this.client.workflow.getHandle(bulkId).signal(bulkChanged));
  }

  async cancel(bulkId: string): Promise<void> {
    await this.#ifRunning(() => this.client.workflow.getHandle(bulkId).cancel());
  }

  async isRunning(bulkId: string): Promise<boolean> {
    try {
      const { status } = await this.#inTime(() => this.client.workflow.getHandle(bulkId).describe());
      return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW' || status.name === 'PAUSED';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  /** One that has not started yet, or has ended, reads the store in any case. */
  async #ifRunning(call: () => Promise<unknown>): Promise<void> {
    try {
      await this.#inTime(call);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }

  #inTime<T>(call: () => Promise<T>): Promise<T> {
    return this.client.connection.withDeadline(Date.now() + callMs, call);
  }
}
