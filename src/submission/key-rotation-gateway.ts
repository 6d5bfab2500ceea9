import type { Client } from '@temporalio/client';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { keyRotation } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import { startUnlessRunning } from './start-unless-running';

/** Temporal as rotations of keys see it. */
export class KeyRotationGateway {
  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
  ) {}

  /** Starts the run of a rotation unless it is running. It takes up where one that ended has left off. */
  async start(rotationId: string): Promise<void> {
    await startUnlessRunning<typeof keyRotation>(this.client, 'keyRotation', {
      workflowId: `key-rotation-${rotationId}`,
      taskQueue: maintenanceTaskQueue(this.taskQueue),
      args: [{ rotation_id: rotationId }],
      typedSearchAttributes: [{ key: searchAttributes.kind, value: 'key_rotation' }],
    });
  }
}
