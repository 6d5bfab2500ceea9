import type { SelectionDecision } from '../contract/decisions';
import type { ContentType } from '../contract/enums';
import type { PlannedCoverage } from '../contract/plan';
import type { TenantPolicy } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import { alphabetically } from './compare';
import { applies, type Selection } from './select';

/** Weights of the detectors that apply to the type, scaled to sum to 1; empty unless coverage is weighted. */
export function coverageWeights(
  contentType: ContentType,
  policy: TenantPolicy,
  decision: SelectionDecision | null,
): Record<string, number> {
  const { calculation_method, weighted_requirements } = policy.coverage_calculation;
  if ((decision?.coverage_method ?? calculation_method) !== 'weighted_coverage') return {};
  const weights = decision?.coverage_requirements?.weights ?? weighted_requirements ?? {};
  const applicable = Object.entries(weights).filter(([name]) => applies(name, contentType, policy));
  if (applicable.length === Object.keys(weights).length) return weights;
  const sum = applicable.reduce((total, [, weight]) => total + weight, 0);
  return Object.fromEntries(applicable.map(([name, weight]) => [name, sum === 0 ? 0 : weight / sum]));
}

/** What counts as covered, settled before anything runs (spec/orchestration.md 3.2). */
export function plannedCoverage(
  policy: TenantPolicy,
  decision: SelectionDecision | null,
  selection: Selection,
  registrations: readonly DetectorRegistration[],
  weights: Readonly<Record<string, number>>,
): PlannedCoverage {
  const rule = policy.coverage_calculation;
  const overrides = decision?.coverage_requirements;
  const required = firstFilled(selection.required, selection.primary, selection.secondary);
  const method = decision?.coverage_method ?? rule.calculation_method;
  const threshold = Math.max(rule.partial_coverage_threshold, overrides?.min_success_fraction ?? 0);
  const none = { required_detectors: [], weights: {}, required_categories: [], threshold };

  if (method === 'weighted_coverage' && Object.values(weights).some((weight) => weight > 0)) {
    return { ...none, method, weights };
  }
  if (method === 'taxonomy_coverage') {
    const demanded = overrides?.required_taxonomy_categories ?? rule.required_taxonomy_categories ?? [];
    const declared = registrations
      .filter(({ name }) => selection.primary.includes(name))
      .flatMap(({ capabilities }) => capabilities.taxonomy_categories);
    const categories = firstFilled(demanded, declared);
    if (categories.length > 0) return { ...none, method, required_categories: canonical(categories) };
  }
  return { ...none, method: 'required_set', required_detectors: canonical(required) };
}

/** Equal sets make equal plans. */
function canonical(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted(alphabetically);
}

function firstFilled(...lists: readonly (readonly string[])[]): readonly string[] {
  return lists.find((list) => list.length > 0) ?? [];
}
