import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import {
  bulkTaskQueue,
  callbacksTaskQueue,
  jobsTaskQueue,
  maintenanceTaskQueue,
} from '../domain/task-queues';

const page = 200;
const grpcNotFound = 5;

/** Histories of a tenant's runs in Temporal. What they hold is encrypted; that they were, and when, they tell themselves. */
export class TenantHistories {
  constructor(
    private readonly client: Client,
    private readonly namespace: string,
    private readonly taskQueue: string,
  ) {}

  /** Deletes some; of one that runs yet it is the end. @returns how many */
  async deleteSome(tenantId: string, beat: () => void): Promise<number> {
    let deleted = 0;
    for await (const { workflowId, runId } of this.client.workflow.list({
      query: this.#of(tenantId),
      pageSize: page,
    })) {
      if (await this.#delete(workflowId, runId)) deleted += 1;
      beat();
      if (deleted >= page) break;
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

  async #delete(workflowId: string, runId: string): Promise<boolean> {
    try {
      await this.client.workflowService.deleteWorkflowExecution({
        namespace: this.namespace,
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
}
