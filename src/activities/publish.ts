import type { PausePoint } from '../config/pause-point';
import type { DecidedOutcome } from '../contract/decided-outcome';
import type { DetectorResult } from '../contract/detector-result';
import type { EndedRunRecord } from '../contract/ended-run';
import type { OrchestrationFacts } from '../contract/orchestration-end';
import { mapperPayloadSchema } from '../contract/payload';
import type { Plan } from '../contract/plan';
import { decidedOutcome } from '../domain/decided-outcome';
import { endedRunRecord } from '../domain/ended-run';
import { mappedOnRecord } from '../domain/mapped-on-record';
import { counts } from '../domain/results';
import { outcomeOf, type OutcomeVerdict, secondariesStoodIn } from '../domain/outcome';
import { suppressionsIn } from '../domain/suppression';
import { planDigest } from '../policy/plan-digest';
import type { EndedRun } from '../store/ended-runs';
import type { Outcome, Outcomes, Published } from '../store/outcomes';
import type { ResponseCache } from '../store/response-cache';
import type { ResultHub } from '../store/result-hub';
import { finalAnswer } from './answer';
import type { CheckpointKeeper } from './checkpoint-keeper';
import { internalError } from './error-answer';
import { rememberJobs } from './remember-jobs';
import type { MemberEnding, PublishInput, PublishOutput } from './types';

export interface PublishDependencies {
  readonly outcomes: Outcomes;
  readonly hub: ResultHub;
  readonly keeper: CheckpointKeeper;
  readonly cache: Pick<ResponseCache, 'remember'> | null;
  /** Keeps what other policies can judge by. */
  readonly keep: (run: EndedRun) => void;
  readonly now: () => number;
  readonly pause: PausePoint;
}

/** The commit point of a run: all its outcomes in one transaction, then whoever waits is told (design.md 2). */
export function createPublish(deps: PublishDependencies) {
  return async function publish(input: PublishInput): Promise<PublishOutput> {
    const digest = planDigest(input.plan);
    const made = input.endings.map((ending) => guarded(input.plan, digest, ending, deps.now));
    const outcomes = made.map(({ outcome }) => outcome);
    await deps.pause('publishing');
    const published = await deps.outcomes.publish(input.run.run_id, outcomes, {
      open: input.partial ?? false,
      standIn: ({ requestId }) => {
        const refused = input.endings.find(({ member }) => member.request_id === requestId)!;
        return unpublishable(input.plan, refused);
      },
    });
    await deps.pause('published');
    deps.hub.deliver(published);
    for (const [index, { outcome, record }] of made.entries())
      if (record && published[index]!.status === outcome.status)
        deps.keep(endedRun(input.plan, outcome, record));
    rememberJobs(deps.cache, input, published);
    deps.hub.forgetRun(input.run.run_id);
    if (!input.partial) {
      deps.keeper.forget(
        input.run.run_id,
        input.plan.detectors.map(({ name }) => name),
      );
    }
    return {
      unfinished_jobs: outcomes.flatMap((outcome, index) => unfinished(outcome, published[index]!)),
      statuses: tally(published),
    };
  };
}

/** Nothing can be mapped or answered from a payload that breaks its schema. */
function checked(ending: MemberEnding): MemberEnding {
  const { payload } = ending;
  if (payload === null || mapperPayloadSchema.safeParse(payload).success) return ending;
  return { ...ending, payload: null, mapping: { kind: 'skipped' }, aggregation_failed: true };
}

/** What goes wrong over one member is its outcome, not its neighbors' (design.md 7, 15). */
function guarded(plan: Plan, digest: string, ending: MemberEnding, now: () => number): Made {
  try {
    return toOutcome(plan, digest, ending, now);
  } catch {
    return { outcome: unpublishable(plan, ending), record: null };
  }
}

interface Made {
  readonly outcome: Outcome;
  /** Null where nothing was decided that could be decided otherwise. */
  readonly record: EndedRunRecord | null;
}

function endedRun(plan: Plan, { requestId, receivedAt }: Outcome, record: EndedRunRecord): EndedRun {
  return {
    tenantId: plan.tenant_id,
    bundle: plan.policy_bundle,
    requestId,
    receivedAt,
    record: JSON.stringify(record),
  };
}

/** Instead of an outcome that cannot be made or stored. */
function unpublishable(plan: Plan, { member }: MemberEnding): Outcome {
  return internalError(plan.tenant_id, member, 'the outcome could not be recorded');
}

function toOutcome(plan: Plan, digest: string, raw: MemberEnding, now: () => number): Made {
  const ending = checked(raw);
  const { member, results, coverage, decisions } = ending;
  const deadlineCut = now() >= member.cut_at;
  const policyFallback = policyFallbackOf(plan, ending) !== null;
  const verdict = outcomeOf({
    plan,
    results,
    coverage,
    coverageDecision: decisions.coverage,
    failureDecision: decisions.failure ?? null,
    policyFallback,
    secondariesStoodIn: secondariesStoodIn(plan, results),
    mapping: ending.mapping.kind === 'invalid_payload' ? { kind: 'skipped' } : ending.mapping,
    aggregationFailed: ending.aggregation_failed || ending.mapping.kind === 'invalid_payload',
    deadlineCut,
  });
  const decided = decidedOutcome({
    plan,
    results,
    coverage,
    coverageDecision: decisions.coverage,
    conflict: ending.conflict,
    policyFallback,
    verdict,
  });
  // Made at once, so that what is wrong with it shows here.
  const answer = finalAnswer(plan, ending, verdict, null, now());
  const outcome: Outcome = {
    requestId: member.request_id,
    tenantId: plan.tenant_id,
    status: statusOf(ending, verdict),
    errorCode: verdict.error_code,
    receivedAt: new Date(member.received_at),
    facts: factsOf(plan, ending, verdict),
    answer: (jobId) => (jobId === null ? answer : finalAnswer(plan, ending, verdict, jobId, now())),
    audit: auditRecord(plan, digest, ending, verdict, decided),
  };
  if (ending.cancelled) return { outcome, record: null };
  return {
    outcome,
    record: endedRunRecord({
      plan,
      planDigest: digest,
      member,
      results,
      deadlineCut,
      outcome: decided,
    }),
  };
}

function factsOf(plan: Plan, ending: MemberEnding, verdict: OutcomeVerdict): OrchestrationFacts {
  const mapping = ending.mapping.kind;
  return {
    policyBundle: plan.policy_bundle,
    contentType: plan.content_type,
    coverage: ending.coverage,
    isCovered: verdict.status === 200,
    policyFallback: policyFallbackOf(plan, ending),
    mapping: mapping === 'invalid_payload' ? 'failed' : mapping,
    results: ending.results,
    suppressed: suppressedBy(ending.results),
  };
}

function suppressedBy(results: MemberEnding['results']): Record<string, number> {
  const counted = results.map((result) => [result.detector, suppressionsIn(result).length] as const);
  return Object.fromEntries(counted.filter(([, findings]) => findings > 0));
}

function policyFallbackOf(
  { decider, invalid_decision }: Plan,
  { decisions }: MemberEnding,
): OrchestrationFacts['policyFallback'] {
  if (!decisions.failed && decider !== 'tenant_policy_opa_fallback') return null;
  return decisions.invalid || invalid_decision ? 'opa_invalid_decision' : 'opa_unavailable';
}

function statusOf(ending: MemberEnding, verdict: OutcomeVerdict): Outcome['status'] {
  if (ending.cancelled) return 'cancelled';
  return verdict.status === 200 || verdict.status === 206 ? 'completed' : 'failed';
}

/** Complete in metadata, empty of content and of what detectors said in words (spec/orchestration.md 1.12). */
function auditRecord(
  plan: Plan,
  digest: string,
  ending: MemberEnding,
  verdict: OutcomeVerdict,
  decided: DecidedOutcome,
): Record<string, unknown> {
  const { member, results, conflict } = ending;
  return {
    ...member.asked,
    correlation_id: member.correlation_id,
    received_at: new Date(member.received_at).toISOString(),
    content_length: member.content_length,
    content_type: plan.content_type,
    environment: plan.environment,
    priority: plan.priority,
    processing_mode: member.mode,
    policy: { bundle: plan.policy_bundle, version: plan.policy_version, digest: plan.policy_digest },
    decider: plan.decider,
    decisions: {
      selection: plan.selection_reason,
      coverage: ending.decisions.coverage,
      conflict: ending.decisions.conflict,
      failure: ending.decisions.failure ?? undefined,
      failed: ending.decisions.failed,
    },
    planned: plan.detectors.map(({ name, version }) => `${name}@${version}`),
    plan_digest: digest,
    unavailable: Object.keys(member.health_status).filter((name) => !member.health_status[name]),
    results: results.map(resultOnRecord),
    failure_policy: verdict.failure_policy,
    ...counts(results),
    coverage: ending.coverage,
    conflict: conflict && {
      strategy_used: conflict.strategy_used,
      decided_by: conflict.decided_by,
      winning_detector: conflict.winning_detector,
      tie_breaker_applied: conflict.tie_breaker_applied,
      conflicting_detectors: conflict.conflicting_detectors,
      confidence_delta: conflict.confidence_delta,
    },
    verdict: ending.cancelled ? 'none' : decided.verdict.kind,
    mapping: ending.mapping.kind,
    ...(ending.mapping.kind === 'mapped' && mappedOnRecord(ending.mapping.response)),
    http_status: verdict.status,
    error_code: verdict.error_code,
  };
}

/** What is undefined is not in the JSON; conditional spreads, a dozen for each answer, took longer than the rest of it. */
function resultOnRecord(result: DetectorResult): object {
  const { detector, status, processing_time_ms, failure_cause, stand_in } = result;
  const suppressed = suppressionsIn(result);
  return {
    detector,
    status,
    processing_time_ms,
    failure_cause,
    stand_in,
    suppressed: suppressed.length > 0 ? tallyOf(suppressed) : undefined,
  };
}

function unfinished(outcome: Outcome, { jobId, status }: Published): PublishOutput['unfinished_jobs'] {
  if (jobId === null || status === 'completed') return [];
  const ownCode = outcome.status === status ? outcome.errorCode : null;
  const error_code = status === 'cancelled' ? null : (ownCode ?? 'INTERNAL_ERROR');
  return [{ job_id: jobId, status, error_code }];
}

function tally(published: readonly Published[]): Record<string, number> {
  return tallyOf(
    published.map(({ status, answer }) => (status === 'cancelled' ? status : String(answer?.status))),
  );
}

function tallyOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
