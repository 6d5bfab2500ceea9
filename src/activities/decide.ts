import { LRUCache } from 'lru-cache';
import type { Plan } from '../contract/plan';
import type { Bundle } from '../policy/bundle';
import type { Decision, PolicyEvaluator } from '../policy/evaluator';
import type { DecideInput, DecideOutput, RegoDecisions } from './types';

export interface DecideDependencies {
  readonly evaluator: PolicyEvaluator;
  /** By digest, from the store when this process has not loaded it: a running orchestration keeps its bundle. */
  readonly bundleByDigest: (digest: string) => Promise<Bundle | null>;
}

/** Coverage and conflict by the bundle's Rego (spec/orchestration.md 9.3), for all members of a run at once. */
export function createDecide(deps: DecideDependencies) {
  const bundles = new LRUCache<string, Bundle>({
    max: 200,
    fetchMethod: async (digest) => (await deps.bundleByDigest(digest)) ?? undefined,
  });

  return async function decide(input: DecideInput): Promise<DecideOutput> {
    const bundle = await bundles.fetch(input.plan.policy_digest);
    return Object.fromEntries(
      input.members.map((member) => [
        member.request_id,
        bundle ? decisionsFor(deps.evaluator, bundle, input.plan, member) : undecided,
      ]),
    );
  };
}

const undecided: RegoDecisions = { coverage: null, conflict: null, failed: true };

function decisionsFor(
  evaluator: PolicyEvaluator,
  bundle: Bundle,
  plan: Plan,
  member: DecideInput['members'][number],
): RegoDecisions {
  const { policy } = bundle;
  const weighted = plan.coverage.method === 'weighted_coverage';
  const about = { tenant_id: plan.tenant_id, policy_bundle: plan.policy_bundle, policy };
  const coverage = evaluator.cover(bundle, {
    ...about,
    coverage_method: plan.coverage.method,
    coverage_achieved: member.coverage,
    threshold: plan.coverage.threshold,
    results: member.results.map((result) => ({
      detector: result.detector,
      status: result.status,
      ...(result.unjudged ? { unjudged: true as const } : {}),
    })),
  });
  const outputs = member.results.flatMap(({ detector, output, confidence, status }) =>
    status === 'success' && output !== null ? [{ detector, output, confidence }] : [],
  );
  const conflict =
    new Set(outputs.map(({ output }) => output)).size < 2
      ? ({ kind: 'no_rule' } as const)
      : evaluator.resolve(bundle, {
          ...about,
          content_type: plan.content_type,
          detector_outputs: outputs,
          weights: Object.fromEntries(
            plan.detectors.map((detector) => [
              detector.name,
              weighted ? detector.coverage_weight : detector.priority_weight,
            ]),
          ),
        });
  return {
    coverage: valueOf(coverage),
    conflict: valueOf(conflict),
    failed: coverage.kind === 'failed' || conflict.kind === 'failed',
  };
}

function valueOf<T>(decision: Decision<T>): T | null {
  return decision.kind === 'decision' ? decision.value : null;
}
