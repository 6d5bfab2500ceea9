import { type Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { keyRotation } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';

const callMs = 5000;

/** Temporal as rotations of keys see it. */
export class KeyRotationGateway {
  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
  ) {}

  /** Starts the run of a rotation unless it is running. It takes up where one that ended has left off. */
  async start(rotationId: string): Promise<void> {
    await this.client.connection.withDeadline(Date.now() + callMs, () =>
      this.client.workflow.start<typeof keyRotation>('keyRotation', {
        workflowId: `key-rotation-${rotationId}`,
        taskQueue: maintenanceTaskQueue(this.taskQueue),
        args: [{ rotation_id: rotationId }],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        typedSearchAttributes: [{ key: searchAttributes.kind, value: 'key_rotation' }],
      }),
    );
  }
}
