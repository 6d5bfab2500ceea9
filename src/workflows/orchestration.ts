import {
  ActivityCancellationType,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  ParentClosePolicy,
  proxyLocalActivities,
  setWorkflowOptions,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ActivityCalls, DecideOutput, MapOutput, PublishOutput, RunContext } from '../activities/types';
import type { Member, Plan, RunInput } from '../contract/plan';
import { coverageOf } from '../domain/coverage';
import { type Aggregated, aggregateMember } from './aggregate-member';
import { detectAll } from './detect-all';
import { MemberState } from './member-state';
import { searchAttributes } from './search-attributes';

const quick = {
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: 100, backoffCoefficient: 2, maximumInterval: 1000 },
};
const { decide } = proxyLocalActivities<ActivityCalls>({
  ...quick,
  startToCloseTimeout: '5s',
  retry: { ...quick.retry, maximumAttempts: 2 },
});
const { map } = proxyLocalActivities<ActivityCalls>({
  ...quick,
  startToCloseTimeout: '10s',
  retry: { ...quick.retry, maximumAttempts: 2 },
});

/** Least time that `publish` goes on trying, however late it begins. */
const publishAtLeastMs = 10_000;

/** All that a run leaves behind in Temporal. */
export interface RunSummary {
  readonly members: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly policy_digest: string;
}

/**
 * One durable run for one or more members (design.md 2): detectors stage by stage, Rego on the results, aggregation,
 * mapping, publication. A job that does not complete fails its workflow with the canonical code.
 */
export async function orchestrationRun(input: RunInput): Promise<RunSummary> {
  const { plan, members } = input;
  const run: RunContext = { run_id: input.run_id, facade_id: input.facade_id };
  const published = await runMembers(run, plan, members);
  await reportUnfinished(published, members.length);
  return { members: members.length, statuses: published.statuses, policy_digest: plan.policy_digest };
}

/** Detection to publication; what is cancelled meanwhile is published as that. */
export async function runMembers(
  run: RunContext,
  plan: Plan,
  members: readonly Member[],
): Promise<PublishOutput> {
  const states = members.map((member) => new MemberState(member, plan));
  const published = await accompany(run, plan, states);
  // Parties that went their own ways leave the run open behind them.
  if (published.length > 1) {
    await CancellationScope.nonCancellable(() => publishUntil(deadlineOf(states))({ run, endings: [] }));
  }
  return {
    unfinished_jobs: published.flatMap((output) => output.unfinished_jobs),
    statuses: total(published.map((output) => output.statuses)),
  };
}

/**
 * Takes members to their publication. Those whose detectors are late go on as a party of their own, so that the others
 * are answered without them.
 */
async function accompany(
  run: RunContext,
  plan: Plan,
  states: readonly MemberState[],
  partial = false,
): Promise<PublishOutput[]> {
  const apart: Promise<PublishOutput[]>[] = [];
  let party = states;
  const leave = (late: readonly MemberState[]): readonly MemberState[] => {
    const theirs = accompany(run, plan, late, true);
    // Awaited in the end; until then nobody may take it for forgotten.
    theirs.catch(() => undefined);
    apart.push(theirs);
    party = party.filter((state) => !late.includes(state));
    return party;
  };
  try {
    await detectAll(run, plan, party, leave);
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
  if (CancellationScope.current().consideredCancelled) for (const state of party) state.cancelUnfinished();
  const own = await CancellationScope.nonCancellable(() =>
    conclude(run, plan, party, partial || apart.length > 0),
  );
  return [own, ...(await Promise.all(apart)).flat()];
}

function total(tallies: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [status, count] of tallies.flatMap((tally) => Object.entries(tally)))
    sums[status] = (sums[status] ?? 0) + count;
  return sums;
}

async function conclude(
  run: RunContext,
  plan: Plan,
  states: readonly MemberState[],
  partial: boolean,
): Promise<PublishOutput> {
  const coverages = new Map(states.map((state) => [state, coverageOf(plan, state.results)]));
  const decisions = await decideAll(run, plan, coverages);
  const aggregated = states.map((state) =>
    aggregateMember(
      plan,
      state,
      coverages.get(state)!,
      decisions[state.member.request_id] ?? { coverage: null, conflict: null, failed: false },
    ),
  );
  const mappings = await mapAll(run, plan, aggregated);
  const endings = aggregated.map((ending) => ({
    ...ending,
    mapping: mappings[ending.request_id] ?? ({ kind: plan.mapping.enabled ? 'skipped' : 'off' } as const),
  }));
  return publishUntil(deadlineOf(states))({ run, endings, ...(partial && { partial }) });
}

function deadlineOf(states: readonly MemberState[]): number {
  return Math.max(...states.map(({ member }) => member.deadline_at));
}

async function decideAll(
  run: RunContext,
  plan: Plan,
  coverages: ReadonlyMap<MemberState, number>,
): Promise<DecideOutput> {
  const members = [...coverages]
    .filter(([state]) => state.hasSuccess)
    .map(([state, coverage]) => ({ request_id: state.member.request_id, coverage, results: state.results }));
  if (members.length === 0 || (!plan.rego.coverage && !plan.rego.conflict && !plan.rego.failure)) return {};
  try {
    return await decide({ run, members });
  } catch {
    const failed = { coverage: null, conflict: null, failed: true };
    return Object.fromEntries(members.map(({ request_id }) => [request_id, failed]));
  }
}

async function mapAll(run: RunContext, plan: Plan, endings: readonly Aggregated[]): Promise<MapOutput> {
  const members = endings.flatMap(({ request_id, payload, conflict, cancelled }) =>
    payload && !cancelled
      ? [{ request_id, payload, resolution_notes: conflict?.resolution_notes ?? null }]
      : [],
  );
  if (members.length === 0 || !plan.mapping.enabled) return {};
  try {
    return await map({ run, members });
  } catch {
    const failed = { kind: 'failed', code: 'DETECTOR_COMMUNICATION_FAILED' } as const;
    return Object.fromEntries(members.map(({ request_id }) => [request_id, failed]));
  }
}

/** Publishing is tried until the last member's deadline, then the run fails and the sweeper takes over (design.md 7, 17). */
function publishUntil(deadline: number): ActivityCalls['publish'] {
  return proxyLocalActivities<ActivityCalls>({
    ...quick,
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: Math.max(deadline - Date.now(), publishAtLeastMs),
  }).publish;
}

/** Operators find jobs that failed as Failed (design.md 7, 12): this run, or a child in its name. */
async function reportUnfinished({ unfinished_jobs: jobs }: PublishOutput, members: number): Promise<void> {
  const [first] = jobs;
  if (!first) return;
  const { workflowId } = workflowInfo();
  const failed = jobs.flatMap(({ job_id, error_code }) =>
    error_code === null ? [] : { job_id, error_code },
  );
  upsertSearchAttributes([
    { key: searchAttributes.outcome, value: members > 1 ? 'mixed' : first.status },
    ...failed.slice(0, 1).map(({ error_code }) => ({ key: searchAttributes.errorCode, value: error_code })),
  ]);
  for (const { job_id, error_code } of failed) {
    if (job_id === workflowId) throw ApplicationFailure.nonRetryable('the job did not complete', error_code);
    await startChild(failedJob, {
      workflowId: job_id,
      args: [error_code],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      typedSearchAttributes: [
        { key: searchAttributes.kind, value: 'failed_job' },
        { key: searchAttributes.jobId, value: [job_id] },
        { key: searchAttributes.errorCode, value: error_code },
      ],
    });
  }
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, orchestrationRun);

/** Stands for a converted member that failed, under its job's id. */
export function failedJob(errorCode: string): Promise<never> {
  return Promise.reject(ApplicationFailure.nonRetryable('the job did not complete', errorCode));
}
