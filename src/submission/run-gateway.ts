import type { Client, WorkflowExecutionStatusName } from '@temporalio/client';
import {
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import type { RunInput } from '../contract/plan';
import { priorityKey } from '../domain/priority';
import { jobsTaskQueue } from '../domain/task-queues';
import type { PayloadReader } from '../store/payload-codec';
import type { orchestrationRun } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import type { TenantClients } from './tenant-clients';

/** A start of which it is not known whether it took effect: the run may exist. */
export class StartUncertainError extends Error {
  override readonly name = 'StartUncertainError';
}

export type RunState = 'running' | 'completed' | 'broken' | 'absent';

/** A killed worker's run is taken up by another after this long (design.md 7, 21). */
const workflowTaskTimeout = '3s';
/** Well past every deadline: a run that nobody can finish does not stay for ever. */
const runTimeoutMs = 15 * 60_000;
const leastStartMs = 250;
const grpcNotFound = 5;

/** Temporal as submission sees it. */
export class RunGateway {
  constructor(
    private readonly clients: TenantClients,
    private readonly taskQueue: string,
    private readonly payloads: PayloadReader,
  ) {}

  /**
   * @param deadline epoch ms by which the start must be acknowledged
   * @returns whether this process got the first workflow task with it
   * @throws StartUncertainError
   */
  async start(input: RunInput, deadline: number): Promise<{ eager: boolean }> {
    const { plan, members, run_id: workflowId } = input;
    const jobIds = members.flatMap(({ mode, request_id }) => (mode === 'async' ? [`job-${request_id}`] : []));
    const isJob = jobIds.length > 0;
    const parent = members[0]?.parent_job_id ?? null;
    const client = this.clients.of(plan.tenant_id);
    const start = () =>
      client.workflow.start<typeof orchestrationRun>('orchestrationRun', {
        workflowId,
        taskQueue: isJob ? jobsTaskQueue(this.taskQueue) : this.taskQueue,
        args: [input],
        // Jobs wait in Temporal's queue, by priority and fair between tenants: none goes past it.
        requestEagerStart: !isJob,
        workflowTaskTimeout,
        workflowRunTimeout: runTimeoutMs,
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        priority: { priorityKey: priorityKey(plan.priority), fairnessKey: plan.tenant_id },
        typedSearchAttributes: [
          { key: searchAttributes.kind, value: isJob ? 'job' : 'sync' },
          { key: searchAttributes.tenant, value: plan.tenant_id },
          { key: searchAttributes.policyBundle, value: plan.policy_bundle },
          { key: searchAttributes.policyDigest, value: plan.policy_digest },
          { key: searchAttributes.priorityClass, value: plan.priority },
          { key: searchAttributes.plannedDetectors, value: plan.detectors.map(({ name }) => name) },
          ...(isJob ? [{ key: searchAttributes.jobId, value: jobIds }] : []),
          ...(parent === null ? [] : [{ key: searchAttributes.parentJob, value: parent }]),
        ],
      });
    try {
      const until = Math.max(deadline, Date.now() + leastStartMs);
      const handle = await client.connection.withDeadline(until, start);
      return { eager: handle.eagerlyStarted };
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return { eager: false };
      if (isGrpcServiceError(error) || isGrpcServiceError((error as Error).cause)) {
        throw new StartUncertainError('the workflow engine did not acknowledge the start', { cause: error });
      }
      throw error;
    }
  }

  async stateOf(runId: string, tenantId: string): Promise<RunState> {
    return (await this.clients.first(tenantId, (client) => stateIn(client, runId))) ?? 'absent';
  }

  /** The input of a run, content included. @throws RunKeyDestroyedError when its retention is over */
  async inputOf(runId: string, tenantId: string): Promise<RunInput | null> {
    return this.#read(await this.clients.first(tenantId, (client) => inputIn(client, runId)));
  }

  /** The same of a run whose namespace is known: where an activity works, there is its run. */
  async inputIn(namespace: string, runId: string): Promise<RunInput | null> {
    return this.#read(await inputIn(this.clients.in(namespace), runId));
  }

  async #read(input: Payload | null): Promise<RunInput | null> {
    return input && ((await this.payloads.value(input)) as RunInput);
  }
}

async function stateIn(client: Client, runId: string): Promise<RunState | null> {
  try {
    const { status } = await client.workflow.getHandle(runId).describe();
    return stateByStatus[status.name];
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

async function inputIn(client: Client, runId: string): Promise<Payload | null> {
  try {
    const { events } = await client.workflow.getHandle(runId).fetchHistory();
    return events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0] ?? null;
  } catch (error) {
    // A history is fetched by the bare service, which has no error of its own for this.
    if (isGrpcServiceError(error) && error.code === grpcNotFound) return null;
    throw error;
  }
}

const stateByStatus: Readonly<Record<WorkflowExecutionStatusName, RunState>> = {
  UNSPECIFIED: 'running',
  UNKNOWN: 'running',
  RUNNING: 'running',
  CONTINUED_AS_NEW: 'running',
  COMPLETED: 'completed',
  FAILED: 'broken',
  CANCELLED: 'broken',
  TERMINATED: 'broken',
  TIMED_OUT: 'broken',
  PAUSED: 'running',
};
