import { type ContentType, contentTypes } from '../contract/enums';
import type { FailureRule } from '../contract/failure-policy';
import type { TenantPolicy } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import { isWithin } from '../domain/categories';
import { applies, supports } from '../domain/select';
import { DependencyCycleError, stagesOf } from '../domain/stages';
import type { ProblemCode } from './problem';

/** What is known beside the bundle; absent: not judged. */
export interface Surroundings {
  readonly detectors?: readonly DetectorRegistration[] | undefined;
  /** Of the canonical taxonomy. */
  readonly categories?: readonly string[] | undefined;
}

/** A remark on a static field; only an `error` makes the bundle invalid. */
export interface StaticRemark {
  readonly severity: 'error' | 'warning';
  readonly code: ProblemCode;
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

type Remark = Omit<StaticRemark, 'severity'>;

/** Static fields that are well-formed and yet cannot do what they say. */
export function lintPolicy(policy: TenantPolicy, surroundings: Surroundings = {}): StaticRemark[] {
  const warnings = [
    ...repeatedNames(policy),
    ...unreachableFailureRules(policy.failure_policy ?? []),
    ...idleFields(policy),
    ...routingRemarks(policy, surroundings.detectors),
    ...categoryRemarks(policy, surroundings),
    ...policyDataRemarks(policy),
  ];
  return [
    ...cycles(policy, surroundings.detectors ?? []).map((remark) => ({
      severity: 'error' as const,
      ...remark,
    })),
    ...warnings.map((remark) => ({ severity: 'warning' as const, ...remark })),
  ];
}

/** Every detector that the static fields name, sorted. */
export function namedDetectors(policy: TenantPolicy): string[] {
  const names = [
    ...policy.required_detectors,
    ...policy.optional_detectors,
    ...Object.keys(policy.coverage_calculation.weighted_requirements ?? {}),
    ...Object.keys(policy.timeout_config),
    ...Object.keys(policy.retry_config),
    ...Object.keys(policy.priority_weights),
    ...Object.values(policy.content_type_routing).flat(),
    ...(policy.failure_policy ?? []).flatMap(({ detectors }) => detectors ?? []),
  ];
  return [...new Set(names)].toSorted();
}

function repeatedNames(policy: TenantPolicy): Remark[] {
  const lists: [PropertyKey[], readonly string[]][] = [
    [['required_detectors'], policy.required_detectors],
    [['optional_detectors'], policy.optional_detectors],
    ...Object.entries(policy.content_type_routing).map(
      ([type, names]): [PropertyKey[], readonly string[]] => [['content_type_routing', type], names],
    ),
  ];
  return lists.flatMap(([path, names]) => {
    const before = new Set<string>();
    return names.flatMap((name, index) => {
      if (!before.has(name)) {
        before.add(name);
        return [];
      }
      return [{ code: 'duplicate_name' as const, path: [...path, index], message: `${name} is named twice` }];
    });
  });
}

/** The first rule that fits decides, so a rule behind one that fits all it fits never does. */
function unreachableFailureRules(rules: readonly FailureRule[]): Remark[] {
  return rules.flatMap((rule, index) => {
    const before = rules.findIndex((earlier, at) => at < index && fitsAllOf(earlier, rule));
    if (before < 0) return [];
    const message = `never fires: failure_policy.${before} comes first and fits all that it fits`;
    return [{ code: 'unreachable_rule' as const, path: ['failure_policy', index], message }];
  });
}

function fitsAllOf(earlier: FailureRule, later: FailureRule): boolean {
  const within = (of: readonly string[] | undefined, all: readonly string[] | undefined) =>
    all === undefined || (of !== undefined && of.every((item) => all.includes(item)));
  return (
    within(later.causes, earlier.causes) &&
    within(later.detectors, earlier.detectors) &&
    (earlier.categories === undefined ||
      (later.categories?.every((category) =>
        earlier.categories!.some((above) => isWithin(category, above)),
      ) ??
        false))
  );
}

function idleFields(policy: TenantPolicy): Remark[] {
  const { calculation_method: method, ...coverage } = policy.coverage_calculation;
  const idle = (path: PropertyKey[], message: string): Remark => ({ code: 'without_effect', path, message });
  const remarks: Remark[] = [];
  if (coverage.weighted_requirements && method !== 'weighted_coverage') {
    const message = `has no effect: coverage is ${method}, unless the Rego changes it`;
    remarks.push(idle(['coverage_calculation', 'weighted_requirements'], message));
  }
  if (coverage.required_taxonomy_categories && method !== 'taxonomy_coverage') {
    const message = `has no effect: coverage is ${method}, unless the Rego changes it`;
    remarks.push(idle(['coverage_calculation', 'required_taxonomy_categories'], message));
  }
  for (const [name, weight] of Object.entries(coverage.weighted_requirements ?? {})) {
    if (weight > 0) continue;
    const path = ['coverage_calculation', 'weighted_requirements', name];
    remarks.push(idle(path, 'weighs nothing: it is not asked for, and its failure costs nothing'));
  }
  const strategies = [policy.conflict_resolution, ...Object.values(policy.conflict_resolution_overrides)];
  const ruled = policy.rego_policy_path !== null;
  if (
    strategies.includes('tenant_preference') &&
    Object.keys(policy.priority_weights).length === 0 &&
    !ruled
  ) {
    const message = 'tenant_preference has no preference to go by: priority_weights is empty';
    remarks.push(idle(['conflict_resolution'], message));
  }
  (policy.failure_policy ?? []).forEach(({ action }, index) => {
    if (action !== 'secondary' || policy.optional_detectors.length > 0) return;
    const message = 'there is no secondary: optional_detectors is empty';
    remarks.push(idle(['failure_policy', index, 'action'], message));
  });
  return remarks;
}

function routingRemarks(
  policy: TenantPolicy,
  detectors: readonly DetectorRegistration[] | undefined,
): Remark[] {
  const known = new Map(detectors?.map((detector) => [detector.name, detector]));
  const requiredNames = new Set(policy.required_detectors);
  const reaches = (name: string, type: ContentType) => {
    const detector = known.get(name);
    return applies(name, type, policy) && (detector === undefined || supports(detector, type));
  };
  const remarks: Remark[] = [];
  for (const list of ['required_detectors', 'optional_detectors'] as const) {
    policy[list].forEach((name, index) => {
      if (contentTypes.some((type) => reaches(name, type))) return;
      const message = `${name} is never asked: content_type_routing has it for no type that it can read`;
      remarks.push({ code: 'unreachable_detector', path: [list, index], message });
    });
  }
  for (const [type, names] of Object.entries(policy.content_type_routing) as [ContentType, string[]][]) {
    const path = ['content_type_routing', type];
    if (names.length === 0) {
      remarks.push({ code: 'unreachable_detector', path, message: `lets no detector look at ${type}` });
    } else if (policy.required_detectors.length > 0 && !names.some((name) => requiredNames.has(name))) {
      const message = `has none of required_detectors: coverage of ${type} counts whatever else is asked`;
      remarks.push({ code: 'without_effect', path, message });
    }
    names.forEach((name, index) => {
      const detector = known.get(name);
      if (detector === undefined || supports(detector, type)) return;
      const required = requiredNames.has(name);
      const message = `${name} cannot read ${type}${required ? ', and counts as not judged there' : ''}`;
      const code = required ? 'unreachable_threshold' : 'unreachable_detector';
      remarks.push({ code, path: [...path, index], message });
    });
  }
  return remarks;
}

function categoryRemarks(policy: TenantPolicy, { detectors, categories }: Surroundings): Remark[] {
  const required = policy.coverage_calculation.required_taxonomy_categories ?? [];
  const at = (index: number) => ['coverage_calculation', 'required_taxonomy_categories', index];
  const named = [
    ...required.map((category, index) => ({ category, path: at(index) })),
    ...(policy.failure_policy ?? []).flatMap((rule, index) =>
      (rule.categories ?? []).map((category, part) => ({
        category,
        path: ['failure_policy', index, 'categories', part] as PropertyKey[],
      })),
    ),
  ];
  const unknown = named.filter(
    ({ category }) => categories?.some((leaf) => isWithin(leaf, category)) === false,
  );
  const remarks: Remark[] = unknown.map(({ category, path }) => ({
    code: 'unknown_category',
    path,
    message: `${category} is no category of the taxonomy`,
  }));
  if (detectors === undefined) return remarks;
  required.forEach((category, index) => {
    const judged = detectors.some(({ capabilities }) =>
      capabilities.taxonomy_categories.some((declared) => isWithin(category, declared)),
    );
    if (judged || unknown.some(({ path }) => path[1] === 'required_taxonomy_categories' && path[2] === index))
      return;
    const message = `no registered detector looks for ${category}, so full coverage cannot be reached`;
    remarks.push({ code: 'unreachable_threshold', path: at(index), message });
  });
  return remarks;
}

const isListOfStrings = (value: unknown) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
const knownData: Readonly<Record<string, { is: (value: unknown) => boolean; form: string }>> = {
  min_confidence: {
    is: (value) => typeof value === 'number' && value >= 0 && value <= 1,
    form: 'a number from 0 to 1',
  },
  benign_labels: { is: isListOfStrings, form: 'a list of labels' },
  audit_retention_days: {
    is: (value) => Number.isInteger(value) && (value as number) > 0,
    form: 'a whole number of days',
  },
  compliance_framework: {
    is: (value) => typeof value === 'string' || isListOfStrings(value),
    form: 'a name, or a list of them',
  },
};

function policyDataRemarks({ policy_data: data }: TenantPolicy): Remark[] {
  return Object.entries(knownData).flatMap(([key, { is, form }]) => {
    if (!Object.hasOwn(data, key) || is(data[key])) return [];
    const message = `${key} has no effect: it must be ${form}`;
    return [{ code: 'without_effect' as const, path: ['policy_data', key], message }];
  });
}

/** Among the detectors that the policy names, with all that they wait for. */
function cycles(policy: TenantPolicy, detectors: readonly DetectorRegistration[]): Remark[] {
  const byName = new Map(detectors.map((detector) => [detector.name, detector]));
  const needed = new Set(namedDetectors(policy));
  // A set that grows while it is walked: what the needed ones wait for is needed too.
  for (const name of needed) byName.get(name)?.depends_on.forEach((other) => needed.add(other));
  try {
    stagesOf([...needed].flatMap((name) => byName.get(name) ?? []));
    return [];
  } catch (error) {
    if (!(error instanceof DependencyCycleError)) throw error;
    return [{ code: 'dependency_cycle', path: ['required_detectors'], message: error.message }];
  }
}
