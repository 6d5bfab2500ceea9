import type { ContentRoutingInput } from '../contract/content-routing';
import type { ConflictInput, CoverageInput, SelectionInput } from '../contract/decisions';
import { type ContentType, contentTypes } from '../contract/enums';
import type { FailureInput } from '../contract/failure-decision';
import type { TenantPolicy } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import { candidatesFor } from '../domain/select';
import type { DecisionName } from './bundle';
import { namedDetectors } from './static-lint';

type Fields = Readonly<Record<string, unknown>>;

/**
 * An input as production would give it to a decision of the bundle, some of its fields replaced. Those of `policy` are
 * laid over the bundle's own.
 * @param detectors the registered ones; absent: those that the bundle names, able to read everything
 */
export function inputFor(
  decision: DecisionName,
  policy: TenantPolicy,
  detectors: readonly DetectorRegistration[] | undefined,
  fields: Fields = {},
): Fields {
  const { policy: policyFields, ...own } = fields;
  const type = contentTypes.find((known) => known === own['content_type']) ?? 'text';
  const shown = isFields(policyFields) ? { ...policy, ...policyFields } : policy;
  return { ...usualInput(decision, type, shown, detectors), ...own };
}

function usualInput(
  decision: DecisionName,
  type: ContentType,
  policy: TenantPolicy,
  detectors: readonly DetectorRegistration[] | undefined,
): object {
  const about = { tenant_id: policy.tenant_id, policy_bundle: policy.policy_bundle, policy };
  const rule = policy.coverage_calculation;
  const named = policy.required_detectors.length > 0 ? policy.required_detectors : namedDetectors(policy);
  switch (decision) {
    case 'selection':
      return {
        ...about,
        environment: 'prod',
        content_type: type,
        content_length: 100,
        priority: 'normal',
        candidate_detectors: candidates(type, policy, detectors),
        required_detectors: [],
        excluded_detectors: [],
      } satisfies SelectionInput;
    case 'routing':
      return {
        ...about,
        environment: 'prod',
        content_type: type,
        priority: 'normal',
        candidate_detectors: candidates(type, policy, detectors),
        required_detectors: [],
        excluded_detectors: [],
        content: { length: 100, mime: 'text/plain', language: 'en', script: 'Latin', code_share: 0 },
      } satisfies ContentRoutingInput;
    case 'failure':
      return {
        ...about,
        environment: 'prod',
        content_type: type,
        priority: 'normal',
        failures: named.map((detector) => ({
          detector,
          cause: 'timeout' as const,
          taxonomy_categories: [],
          static_action: 'fail_closed' as const,
        })),
      } satisfies FailureInput;
    case 'coverage':
      return {
        ...about,
        coverage_method: rule.calculation_method,
        coverage_achieved: 1,
        threshold: rule.partial_coverage_threshold,
        results: named.map((detector) => ({ detector, status: 'success' })),
      } satisfies CoverageInput;
    case 'conflict':
      return {
        ...about,
        content_type: type,
        detector_outputs: named.map((detector) => ({ detector, output: 'clean', confidence: 0.6 })),
        weights: rule.weighted_requirements ?? Object.fromEntries(named.map((detector) => [detector, 1])),
      } satisfies ConflictInput;
  }
}

function candidates(
  type: ContentType,
  policy: TenantPolicy,
  detectors: readonly DetectorRegistration[] | undefined,
): SelectionInput['candidate_detectors'] {
  const usable =
    detectors === undefined
      ? namedDetectors(policy)
          .filter((name) => policy.content_type_routing[type]?.includes(name) ?? true)
          .map((name) => ({ name, version: '1.0', taxonomy_categories: [] as string[] }))
      : candidatesFor(type, policy, detectors).map(({ name, version, capabilities }) => ({
          name,
          version,
          taxonomy_categories: capabilities.taxonomy_categories,
        }));
  return usable.map((detector) => ({ ...detector, healthy: true, breaker: 'closed' }));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
