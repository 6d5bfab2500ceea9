import { type Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import type { TenantOperationKind } from '../contract/tenant-operations';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { tenantErasure, tenantExport, tenantOnboarding } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';

const callMs = 5000;
const workflowOf = {
  erasure: 'tenantErasure',
  export: 'tenantExport',
  onboarding: 'tenantOnboarding',
} as const;

/** Temporal as operations on tenants see it. */
export class TenantLifecycleGateway {
  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
  ) {}

  /** Starts the run of an operation unless it is running. It takes up where one that ended has left off. */
  async start(operationId: string, tenantId: string, kind: TenantOperationKind): Promise<void> {
    await this.client.connection.withDeadline(Date.now() + callMs, () =>
      this.client.workflow.start<typeof tenantErasure | typeof tenantExport | typeof tenantOnboarding>(
        workflowOf[kind],
        {
          workflowId: `tenant-${kind}-${operationId}`,
          taskQueue: maintenanceTaskQueue(this.taskQueue),
          args: [{ operation_id: operationId }],
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          typedSearchAttributes: [
            { key: searchAttributes.kind, value: 'tenant_operation' },
            { key: searchAttributes.tenant, value: tenantId },
          ],
        },
      ),
    );
  }
}
