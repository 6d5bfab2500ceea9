import type { Client } from '@temporalio/client';
import type { KeyRotation } from '../contract/keys-api';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { keyRotation, tenantKeyRotation } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import { startUnlessRunning } from './start-unless-running';

/** Temporal as rotations of keys see it. */
export class KeyRotationGateway {
  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
  ) {}

  /** Starts the run of a rotation unless it is running. It takes up where one that ended has left off. */
  async start({ rotation_id, kind, workflow_id: workflowId }: KeyRotation): Promise<void> {
    // It was done when it was noted.
    if (workflowId === null) return;
    await startUnlessRunning<typeof keyRotation | typeof tenantKeyRotation>(
      this.client,
      kind === 'master_key' ? 'keyRotation' : 'tenantKeyRotation',
      {
        workflowId,
        taskQueue: maintenanceTaskQueue(this.taskQueue),
        args: [{ rotation_id }],
        typedSearchAttributes: [{ key: searchAttributes.kind, value: 'key_rotation' }],
      },
    );
  }
}
