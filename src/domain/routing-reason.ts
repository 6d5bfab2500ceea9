import type { RoutingDecision } from '../contract/answer';
import type { DetectorResult } from '../contract/detector-result';
import type { Member, Plan, PlannedCoverage } from '../contract/plan';

const maxReasonLength = 500;

/**
 * Why these detectors were asked (spec/orchestration.md 1.5).
 * @param results name the secondaries and alternates that ran, as `failover:` tokens
 */
export function routingDecision(
  plan: Plan,
  member: Pick<Member, 'routing_tokens' | 'health_status'>,
  results: readonly DetectorResult[] = [],
): RoutingDecision {
  return {
    selected_detectors: plan.detectors.filter(({ role }) => role === 'primary').map(({ name }) => name),
    routing_reason: routingReason(plan, member.routing_tokens, results),
    policy_applied: plan.policy_bundle,
    policy_version: plan.policy_version,
    policy_digest: plan.policy_digest,
    coverage_method: plan.coverage.method,
    coverage_requirements: requirementsOf(plan.coverage),
    health_status: { ...member.health_status },
  };
}

function routingReason(plan: Plan, tokens: readonly string[], results: readonly DetectorResult[]): string {
  const ran = new Set(results.filter(({ status }) => status !== 'skipped').map(({ detector }) => detector));
  const failovers = plan.detectors
    .filter(({ name, role }) => role !== 'primary' && ran.has(name))
    .map(({ name }) => `failover:${name}`);
  const reason = plan.selection_reason ? [`reason=${plan.selection_reason}`] : [];
  return joinedWithin(maxReasonLength, [
    plan.decider,
    `content_type=${plan.content_type}`,
    ...tokens,
    ...failovers,
    ...reason,
  ]);
}

/** Whole tokens only, as many as fit; a separator inside a token would make two of it. */
function joinedWithin(limit: number, tokens: readonly string[]): string {
  let joined = '';
  for (const token of new Set(tokens)) {
    const longer = [joined, token.replaceAll(';', ',')].filter((part) => part !== '').join(';');
    if (longer.length <= limit) joined = longer;
  }
  return joined;
}

function requirementsOf(coverage: PlannedCoverage): Record<string, number> {
  switch (coverage.method) {
    case 'weighted_coverage':
      return { ...coverage.weights };
    case 'required_set':
      return Object.fromEntries(coverage.required_detectors.map((name) => [name, 1]));
    case 'taxonomy_coverage':
      return Object.fromEntries(coverage.required_categories.map((category) => [category, 1]));
  }
}
