import { maintenanceTaskQueue } from '../domain/task-queues';
import type { policySimulation } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import { startUnlessRunning } from './start-unless-running';
import type { TenantClients } from './tenant-clients';

/** Temporal as simulations see it. */
export class SimulationGateway {
  constructor(
    private readonly clients: TenantClients,
    private readonly taskQueue: string,
  ) {}

  /** Starts the run of a simulation unless it is running. It takes up where one that ended has left off. */
  async start(simulationId: string, tenantId: string): Promise<void> {
    await startUnlessRunning<typeof policySimulation>(this.clients.of(tenantId), 'policySimulation', {
      workflowId: `simulation-${simulationId}`,
      taskQueue: maintenanceTaskQueue(this.taskQueue),
      args: [{ simulation_id: simulationId }],
      typedSearchAttributes: [
        { key: searchAttributes.kind, value: 'policy_simulation' },
        { key: searchAttributes.tenant, value: tenantId },
      ],
    });
  }
}
