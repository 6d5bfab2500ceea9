import { LRUCache } from 'lru-cache';
import type { Plan } from '../contract/plan';
import { failuresOf } from '../domain/failure-policy';
import type { Bundle } from '../policy/bundle';
import { isInvalid, valueOf } from '../policy/decision';
import type { PolicyEvaluator } from '../policy/evaluator';
import type { DecideInput, DecideOutput, RegoDecisions } from './types';

export interface DecideDependencies {
  readonly evaluator: Pick<PolicyEvaluator, 'cover' | 'resolve' | 'judgeFailures'>;
  /** By digest, from the store when this process has not loaded it: a running orchestration keeps its bundle. */
  readonly bundleByDigest: (digest: string) => Promise<Bundle | null>;
}

/** Coverage, conflict and failures by the bundle's Rego (spec/orchestration.md 9.3), for all members of a run at once. */
export function createDecide(deps: DecideDependencies) {
  const bundles = new LRUCache<string, Bundle>({
    max: 200,
    fetchMethod: async (digest) => (await deps.bundleByDigest(digest)) ?? undefined,
  });

  return async function decide(input: DecideInput): Promise<DecideOutput> {
    const bundle = await bundles.fetch(input.plan.policy_digest);
    const decided = await Promise.all(
      input.members.map(async (member) => [
        member.request_id,
        bundle ? await decisionsFor(deps.evaluator, bundle, input.plan, member) : undecided,
      ]),
    );
    return Object.fromEntries(decided) as DecideOutput;
  };
}

const undecided: RegoDecisions = { coverage: null, conflict: null, failed: true };

type MemberToDecide = DecideInput['members'][number];

async function decisionsFor(
  evaluator: DecideDependencies['evaluator'],
  bundle: Bundle,
  plan: Plan,
  member: MemberToDecide,
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

function covered(
  evaluator: DecideDependencies['evaluator'],
  bundle: Bundle,
  plan: Plan,
  member: MemberToDecide,
) {
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

async function resolved(
  evaluator: DecideDependencies['evaluator'],
  bundle: Bundle,
  plan: Plan,
  member: MemberToDecide,
) {
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
  evaluator: DecideDependencies['evaluator'],
  bundle: Bundle,
  plan: Plan,
  member: MemberToDecide,
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
