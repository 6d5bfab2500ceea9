import type { DetectorResult } from '../contract/detector-result';
import type { Plan } from '../contract/plan';
import type { RegoDecisions } from '../contract/rego-decisions';
import { failuresOf } from '../domain/failure-policy';
import type { Bundle } from './bundle';
import { isInvalid, valueOf } from './decision';
import type { PolicyEvaluator } from './evaluator';

export type ResultsEvaluator = Pick<PolicyEvaluator, 'cover' | 'resolve' | 'judgeFailures'>;

export interface MemberResults {
  readonly request_id: string;
  /** Unrounded. */
  readonly coverage: number;
  readonly results: readonly DetectorResult[];
}

/** Coverage, conflict and failures by the bundle's Rego (spec/orchestration.md 9.3), for one orchestration. */
export async function decisionsOnResults(
  evaluator: ResultsEvaluator,
  bundle: Bundle,
  plan: Plan,
  member: MemberResults,
): Promise<RegoDecisions> {
  const [coverage, conflict, failure] = await Promise.all([
    covered(evaluator, bundle, plan, member),
    resolved(evaluator, bundle, plan, member),
    failuresJudged(evaluator, bundle, plan, member),
  ]);
  return {
    coverage: valueOf(coverage),
    conflict: valueOf(conflict),
    ...(failure.kind === 'decision' && { failure: failure.value }),
    failed: [coverage, conflict, failure].some(({ kind }) => kind === 'failed'),
    ...([coverage, conflict, failure].some(isInvalid) && { invalid: true as const }),
  };
}

const notAsked = { kind: 'no_rule' } as const;

function about(plan: Plan, { policy }: Bundle) {
  return { tenant_id: plan.tenant_id, policy_bundle: plan.policy_bundle, policy };
}

function covered(evaluator: ResultsEvaluator, bundle: Bundle, plan: Plan, member: MemberResults) {
  const input = {
    ...about(plan, bundle),
    coverage_method: plan.coverage.method,
    coverage_achieved: member.coverage,
    threshold: plan.coverage.threshold,
    results: member.results.map((result) => ({
      detector: result.detector,
      status: result.status,
      ...(result.unjudged ? { unjudged: true as const } : {}),
    })),
  };
  return evaluator.cover(bundle, input, member.request_id);
}

async function resolved(evaluator: ResultsEvaluator, bundle: Bundle, plan: Plan, member: MemberResults) {
  const outputs = member.results.flatMap(({ detector, output, confidence, status }) =>
    status === 'success' && output !== null ? [{ detector, output, confidence }] : [],
  );
  if (new Set(outputs.map(({ output }) => output)).size < 2) return notAsked;
  const weighted = plan.coverage.method === 'weighted_coverage';
  const weights = plan.detectors.map(({ name, coverage_weight, priority_weight }) => [
    name,
    weighted ? coverage_weight : priority_weight,
  ]);
  const input = {
    ...about(plan, bundle),
    content_type: plan.content_type,
    detector_outputs: outputs,
    weights: Object.fromEntries(weights) as Record<string, number>,
  };
  return evaluator.resolve(bundle, input, member.request_id);
}

async function failuresJudged(
  evaluator: ResultsEvaluator,
  bundle: Bundle,
  plan: Plan,
  member: MemberResults,
) {
  const failures = failuresOf(plan, member.results);
  if (failures.length === 0) return notAsked;
  const input = {
    ...about(plan, bundle),
    environment: plan.environment,
    content_type: plan.content_type,
    priority: plan.priority,
    failures: failures.map(({ detector, cause, static_action }) => ({
      detector: detector.name,
      cause,
      taxonomy_categories: detector.taxonomy_categories,
      static_action,
    })),
  };
  return evaluator.judgeFailures(bundle, input, member.request_id);
}
