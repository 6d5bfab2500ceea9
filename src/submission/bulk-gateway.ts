import type { Client, WorkflowExecutionStatusName } from '@temporalio/client';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { bulkPriorityKey } from '../domain/priority';
import { bulkTaskQueue } from '../domain/task-queues';
import type { BulkJobs } from '../store/bulk-jobs';
import type { bulkRun } from '../workflows';
import { bulkChanged } from '../workflows/bulk-signals';
import { searchAttributes } from '../workflows/search-attributes';
import type { TenantClients } from './tenant-clients';

const callMs = 5000;

/** Temporal as bulk jobs see it: the id of the workflow is the id of the job. */
export class BulkGateway {
  constructor(
    private readonly clients: TenantClients,
    private readonly taskQueue: string,
    private readonly jobs: Pick<BulkJobs, 'openChunks'>,
  ) {}

  /** Starts the run of a job unless it is running. It takes up where one that ended has left off. */
  async start(bulkId: string, tenantId: string): Promise<void> {
    const client = this.clients.of(tenantId);
    try {
      await inTime(client, () =>
        client.workflow.start<typeof bulkRun>('bulkRun', {
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
  async wake(bulkId: string, tenantId: string): Promise<void> {
    await this.#whereItRuns(tenantId, ({ workflow }) => workflow.getHandle(bulkId).signal(bulkChanged));
  }

  /**
   * Cancels a run, and after it its chunks. They would hear it from the run, but not while they wait for detectors and so
   * hold every slot in which it could be told.
   */
  async cancel(bulkId: string, tenantId: string): Promise<void> {
    for (const runId of [bulkId, ...(await this.jobs.openChunks(bulkId))])
      await this.#whereItRuns(tenantId, ({ workflow }) => workflow.getHandle(runId).cancel());
  }

  async isRunning(bulkId: string, tenantId: string): Promise<boolean> {
    const running = await this.clients.first(tenantId, async (client) => {
      const described = await unlessUnknown(client, () => client.workflow.getHandle(bulkId).describe());
      return described !== null && runningStates.includes(described.status.name) ? true : null;
    });
    return running ?? false;
  }

  /** One that has not started yet, or has ended, reads the store in any case. */
  async #whereItRuns(tenantId: string, call: (client: Client) => Promise<unknown>): Promise<void> {
    await this.clients.first(tenantId, (client) =>
      unlessUnknown(client, async () => {
        await call(client);
        return true;
      }),
    );
  }
}

const runningStates: readonly WorkflowExecutionStatusName[] = ['RUNNING', 'CONTINUED_AS_NEW', 'PAUSED'];

/** @returns null when there is no such run there, or, for what only a running one is told, it has ended */
async function unlessUnknown<T>(client: Client, call: () => Promise<T>): Promise<T | null> {
  try {
    return await inTime(client, call);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

function inTime<T>(client: Client, call: () => Promise<T>): Promise<T> {
  return client.connection.withDeadline(Date.now() + callMs, call);
}
