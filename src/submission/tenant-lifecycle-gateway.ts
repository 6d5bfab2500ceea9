import type { Client } from '@temporalio/client';
import type { TenantOperationKind } from '../contract/tenant-operations';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { tenantErasure, tenantExport, tenantOnboarding } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import { startUnlessRunning } from './start-unless-running';

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
    await startUnlessRunning<typeof tenantErasure | typeof tenantExport | typeof tenantOnboarding>(
      this.client,
      workflowOf[kind],
      {
        workflowId: `tenant-${kind}-${operationId}`,
        taskQueue: maintenanceTaskQueue(this.taskQueue),
        args: [{ operation_id: operationId }],
        typedSearchAttributes: [
          { key: searchAttributes.kind, value: 'tenant_operation' },
          { key: searchAttributes.tenant, value: tenantId },
        ],
      },
    );
  }
}
