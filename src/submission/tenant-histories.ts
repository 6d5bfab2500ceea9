import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import {
  bulkTaskQueue,
  callbacksTaskQueue,
  jobsTaskQueue,
  maintenanceTaskQueue,
} from '../domain/task-queues';
import type { TenantClients } from './tenant-clients';

const page = 200;
const grpcNotFound = 5;

/** Histories of a tenant's runs in Temporal. What they hold is encrypted; that they were, and when, they tell themselves. */
export class TenantHistories {
  constructor(
    private readonly clients: TenantClients,
    private readonly taskQueue: string,
  ) {}

  /** Deletes some; of one that runs yet it is the end. @returns how many */
  async deleteSome(tenantId: string, beat: () => void): Promise<number> {
    const query = this.#of(tenantId);
    let deleted = 0;
    for (const client of this.clients.around(tenantId)) {
      for await (const { workflowId, runId } of client.workflow.list({ query, pageSize: page })) {
        if (await deleteHistory(client, workflowId, runId)) deleted += 1;
        beat();
        if (deleted >= page) return deleted;
      }
    }
    return deleted;
  }

  /** Ids of tenants hold nothing that could be more than text in a query. */
  #of(tenantId: string): string {
    const queues = [
      this.taskQueue,
      ...[jobsTaskQueue, bulkTaskQueue, callbacksTaskQueue, maintenanceTaskQueue].map((of) =>
        of(this.taskQueue),
      ),
    ];
    const own = queues.map((queue) => `'${queue}'`).join(', ');
    return `Tenant = '${tenantId}' AND Kind != 'tenant_operation' AND TaskQueue IN (${own})`;
  }
}

async function deleteHistory(client: Client, workflowId: string, runId: string): Promise<boolean> {
  try {
    await client.workflowService.deleteWorkflowExecution({
      namespace: client.options.namespace,
      workflowExecution: { workflowId, runId },
    });
    return true;
  } catch (error) {
    // Visibility tells of it a moment longer.
    if (error instanceof WorkflowNotFoundError) return false;
    if (isGrpcServiceError(error) && error.code === grpcNotFound) return false;
    throw error;
  }
}
