import { type Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { policySimulation } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';

const callMs = 5000;

/** Temporal as simulations see it. */
export class SimulationGateway {
  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
  ) {}

  /** Starts the run of a simulation unless it is running. It takes up where one that ended has left off. */
  async start(simulationId: string, tenantId: string): Promise<void> {
    await this.client.connection.withDeadline(Date.now() + callMs, () =>
      this.client.workflow.start<typeof policySimulation>('policySimulation', {
        workflowId: `simulation-${simulationId}`,
        taskQueue: maintenanceTaskQueue(this.taskQueue),
        args: [{ simulation_id: simulationId }],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        typedSearchAttributes: [
          { key: searchAttributes.kind, value: 'policy_simulation' },
          { key: searchAttributes.tenant, value: tenantId },
        ],
      }),
    );
  }
}
