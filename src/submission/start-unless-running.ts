import {
  type Client,
  type Workflow,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  type WorkflowStartOptions,
} from '@temporalio/client';

const startMs = 5000;

/**
 * Sees to it that the workflow runs: again when it has ended, or an operator has terminated it.
 * @throws the client's error when the engine does not say so within five seconds
 */
export async function startUnlessRunning<W extends Workflow>(
  client: Client,
  type: string,
  options: WorkflowStartOptions<W>,
): Promise<void> {
  await client.connection.withDeadline(Date.now() + startMs, () =>
    client.workflow.start<W>(type, {
      ...options,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    }),
  );
}
