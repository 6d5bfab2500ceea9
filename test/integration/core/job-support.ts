import type { WorkflowExecutionDescription, WorkflowExecutionStatusName } from '@temporalio/client';
import { Client as PgClient } from 'pg';
import type { JobStatusResponse, OrchestrationResponse } from '../../../src/contract/answer';
import { jobStatusResponseSchema } from '../../../src/contract/answer';
import { eventually } from '../../support/eventually';
import { type Behavior, findings, held, type ReceivedCall } from '../../support/fake-detectors';
import { type HttpAnswer, type System, testServers } from '../../support/system';

export async function jobOf(system: System, jobId: string): Promise<JobStatusResponse> {
  const { status, body } = await system.request('GET', `/orchestrate/status/${jobId}`);
  expect(status).toBe(200);
  return jobStatusResponseSchema.parse(body);
}

/** Follows a job to its end. */
export async function ended(system: System, jobId: string): Promise<JobStatusResponse> {
  await system.ended(jobId);
  return jobOf(system, jobId);
}

export function cancel(system: System, jobId: string): Promise<HttpAnswer<JobStatusResponse>> {
  return system.request('DELETE', `/orchestrate/status/${jobId}`);
}

export function rerun(
  system: System,
  jobId: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  return system.request('POST', `/orchestrate/jobs/${jobId}/rerun`, body, headers);
}

/** Sends an asynchronous request. @returns its job's id */
export async function submitJob(
  system: System,
  overrides: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, body } = await system.orchestrate({ processing_mode: 'async', ...overrides }, headers);
  expect(status).toBe(202);
  return body.job_id!;
}

/** Holds each of these detectors until it is released. */
export function hold<Name extends string>(
  system: System,
  names: readonly Name[],
  then: Behavior = findings(),
): Record<Name, () => void> {
  const releases = names.map((name) => {
    const gate = held(then);
    system.detectors.behave(name, gate.behavior);
    return [name, gate.release] as const;
  });
  return Object.fromEntries(releases) as Record<Name, () => void>;
}

/** Never answers, and tells when the caller has hung up. */
export function untilAborted(): { behavior: Behavior; aborted: Promise<void> } {
  let hungUp: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => (hungUp = resolve));
  return { behavior: (_call, response) => void response.once('close', hungUp), aborted };
}

export function callsAbout(system: System, content: unknown, detector?: string): readonly ReceivedCall[] {
  const calls = detector === undefined ? system.detectors.calls : system.detectors.callsOf(detector);
  return calls.filter(({ contents }) => contents.includes(String(content)));
}

/** The run that serves a job, as the store has it. */
export async function runOf(system: System, jobId: string): Promise<string> {
  const { rows } = await system.db.query<{ run_id: string }>(
    'select run_id from orchestration where job_id = $1',
    [jobId],
  );
  return rows[0]!.run_id;
}

/** Resolves when the run has published, whatever came of it. */
export async function published(system: System, runId: string): Promise<void> {
  await eventually(
    async () =>
      (
        await system.db.query<{ closed_at: Date | null }>('select closed_at from run_key where run_id = $1', [
          runId,
        ])
      ).rows[0],
    (run) => run !== undefined && run.closed_at !== null,
    { withinMs: 40_000 },
  );
}

const listeners =
  "pg_stat_activity where datname = current_database() and application_name = 'conclave-listen'";

/** Cuts the connections over which processes hear each other, and keeps them from coming back. */
export async function deafen(system: System): Promise<void> {
  await admit(system, false);
  await system.db.query(`select pg_terminate_backend(pid, 5000) from ${listeners}`);
}

export async function hearAgain(system: System): Promise<void> {
  await admit(system, true);
  const running = system.parts.filter(
    ({ process }) => process.exitCode === null && process.signalCode === null,
  );
  await eventually(
    async () => (await system.db.query(`select from ${listeners}`)).rowCount,
    (listening) => listening === running.length,
  );
}

/** Whether the database admits new connections; those that are there stay. */
async function admit(system: System, admitting: boolean): Promise<void> {
  // Not even its owner may say this from inside.
  const outside = new PgClient({ connectionString: testServers().databaseUrl });
  await outside.connect();
  try {
    await outside.query(`alter database ${system.database} with allow_connections ${admitting}`);
  } finally {
    await outside.end();
  }
}

/** What Temporal knows of a workflow once it has ended in this way. */
export async function workflowOf(
  system: System,
  workflowId: string,
  status: WorkflowExecutionStatusName,
): Promise<WorkflowExecutionDescription> {
  const handle = system.temporal.workflow.getHandle(workflowId);
  const described = await eventually(
    () => handle.describe().catch(ifNotFound),
    (description) => description !== null && description.status.name !== 'RUNNING',
  );
  expect(described!.status.name).toBe(status);
  return described!;
}

/** With which type a workflow failed: all of a failure that is readable without its key. */
export async function failureTypeOf(system: System, workflowId: string): Promise<string | null | undefined> {
  const history = await system.temporal.workflow.getHandle(workflowId).fetchHistory();
  return history.events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure?.applicationFailureInfo
    ?.type;
}

function ifNotFound(error: unknown): null {
  if ((error as Error).name === 'WorkflowNotFoundError') return null;
  throw error;
}

/** What does not depend on when or by which process it was judged. */
export function essence(answer: OrchestrationResponse): object {
  return {
    results: answer.detector_results.map(({ detector, status, output }) => [detector, status, output]),
    coverage: answer.coverage_achieved,
    error_code: answer.error_code,
  };
}
