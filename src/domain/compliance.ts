import type { DetectorResult } from '../contract/detector-result';
import type { ContentType } from '../contract/enums';
import type { Plan } from '../contract/plan';
import type { TenantPolicy } from '../contract/policy';
import type { PolicyViolation, ViolationType } from '../contract/policy-validation';
import { own } from './collections';
import { atLeast, rounded } from './compare';
import { coverageOf } from './coverage';
import { benignLabelsOf } from './plan';
import { applies } from './select';

const usualMinConfidence = 0.7;

/** What somebody got from detectors, and what they should have got by the bundle. */
export interface ComplianceFacts {
  readonly contentType: ContentType;
  readonly policy: TenantPolicy;
  /** What the bundle would have had done; null: it refuses such content. */
  readonly plan: Plan | null;
  readonly results: readonly DetectorResult[];
  /** Names that the tenant can use. */
  readonly registered: ReadonlySet<string>;
}

/** How results fall short of a bundle (spec/orchestration.md 1.11). */
export function complianceViolations(facts: ComplianceFacts): PolicyViolation[] {
  const { contentType, policy, plan, results, registered } = facts;
  const violation = violationOf(policy.policy_bundle);
  const refused = plan === null || policy.content_type_routing[contentType]?.length === 0;
  if (refused) {
    return [violation('content_type_not_allowed', 'high', `the bundle does not judge ${contentType}`)];
  }
  const given = new Set(results.map(({ detector }) => detector));
  const missing = policy.required_detectors.filter(
    (name) => applies(name, contentType, policy) && !given.has(name),
  );
  return [
    ...missing.map((name) =>
      violation('missing_required_detector', 'high', `${name} is required and gave no result`, name),
    ),
    ...[...given].flatMap((name) => {
      if (!applies(name, contentType, policy))
        return [violation('disallowed_detector', 'high', `${name} may not look at ${contentType}`, name)];
      if (registered.has(name)) return [];
      return [violation('unregistered_detector', 'medium', `${name} is not a registered detector`, name)];
    }),
    ...coverageViolations(plan, results, violation),
    ...confidenceViolations(facts, violation),
  ];
}

type Violation = (
  type: ViolationType,
  severity: PolicyViolation['severity'],
  message: string,
  detector?: string,
) => PolicyViolation;

function violationOf(policyId: string): Violation {
  return (violation_type, severity, message, detector) => ({
    policy_id: policyId,
    violation_type,
    message,
    severity,
    ...(detector === undefined ? {} : { detector }),
  });
}

function coverageViolations(
  plan: Plan,
  results: readonly DetectorResult[],
  violation: Violation,
): PolicyViolation[] {
  const coverage = coverageOf(plan, results);
  const { threshold } = plan.coverage;
  if (atLeast(coverage, threshold)) return [];
  const severity = atLeast(coverage, threshold / 2) ? 'medium' : 'high';
  return [
    violation('insufficient_coverage', severity, `coverage is ${rounded(coverage)}, less than ${threshold}`),
  ];
}

/** Of findings only: that nothing was found has the confidence of nothing (design.md 8). */
function confidenceViolations(
  { policy, results, plan }: ComplianceFacts,
  violation: Violation,
): PolicyViolation[] {
  const least = minConfidence(policy);
  const benign = new Set(benignLabelsOf(policy).map((label) => label.toLowerCase()));
  const sure = results.flatMap(({ detector, status, output, confidence }) => {
    if (status !== 'success' || output === null || confidence === null) return [];
    return benign.has(output.trim().toLowerCase()) ? [] : [{ detector, confidence }];
  });
  const weights = new Map(plan?.detectors.map(({ name, priority_weight }) => [name, priority_weight]));
  const weightOf = (name: string) => weights.get(name) ?? 1;
  const total = sure.reduce((sum, { detector }) => sum + weightOf(detector), 0);
  const mean =
    sure.reduce((sum, { detector, confidence }) => sum + confidence * weightOf(detector), 0) / total;
  return [
    ...sure
      .filter(({ confidence }) => !atLeast(confidence, least))
      .map(({ detector, confidence }) =>
        violation(
          'low_confidence_detector',
          'medium',
          `${detector} is sure by ${confidence}, less than ${least}`,
          detector,
        ),
      ),
    ...(sure.length === 0 || atLeast(mean, least)
      ? []
      : [
          violation(
            'low_confidence_aggregate',
            'high',
            `findings are sure by ${rounded(mean)} together, less than ${least}`,
          ),
        ]),
  ];
}

function minConfidence({ policy_data: data }: TenantPolicy): number {
  const given = own(data, 'min_confidence');
  return typeof given === 'number' && given >= 0 && given <= 1 ? given : usualMinConfidence;
}
