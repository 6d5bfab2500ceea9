import type { ContentRouting } from '../contract/content-routing';
import type { SelectionDecision } from '../contract/decisions';
import type { ContentType } from '../contract/enums';
import type { TenantPolicy } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import { own } from './collections';
import { alphabetically } from './compare';

const weightTolerance = 1e-6;

/** Detectors that a request of this type may use, in plan order (spec/orchestration.md 3.1). */
export function candidatesFor(
  contentType: ContentType,
  policy: TenantPolicy,
  registrations: readonly DetectorRegistration[],
): DetectorRegistration[] {
  return registrations
    .filter((detector) => applies(detector.name, contentType, policy))
    .filter((detector) => supports(detector, contentType))
    .toSorted(byPriority(policy));
}

/** Plan order: `priority_weight` descending, then name. */
export function byPriority(
  policy: TenantPolicy,
): (a: DetectorRegistration, b: DetectorRegistration) => number {
  return (a, b) => priorityWeight(policy, b) - priorityWeight(policy, a) || alphabetically(a.name, b.name);
}

export function priorityWeight(policy: TenantPolicy, detector: DetectorRegistration): number {
  return own(policy.priority_weights, detector.name) ?? detector.priority_weight;
}

export function supports({ capabilities }: DetectorRegistration, contentType: ContentType): boolean {
  return capabilities.supported_content_types.includes(contentType);
}

/** `content_type_routing` is an allow-list where it names the type. */
export function applies(detector: string, contentType: ContentType, policy: TenantPolicy): boolean {
  return policy.content_type_routing[contentType]?.includes(detector) ?? true;
}

/**
 * Why a selection decision is void (spec/orchestration.md 9.3): a token, then what is at fault; null when it holds.
 * @param candidates the names that Rego was shown, those the request requires included
 */
export function decisionFault(
  decision: SelectionDecision,
  candidates: readonly string[],
  policy: TenantPolicy,
): string | null {
  const rule = policy.coverage_calculation;
  const weights = decision.coverage_requirements?.weights;
  const known = new Set([
    ...candidates,
    ...policy.required_detectors,
    ...policy.optional_detectors,
    ...Object.keys(rule.weighted_requirements ?? {}),
  ]);
  const named = [
    ...decision.selected_detectors,
    ...(decision.required_detectors ?? []),
    ...Object.keys(weights ?? {}),
  ];
  const unknown = named.find((name) => !known.has(name));
  if (unknown !== undefined) return `unknown_detector: ${unknown}`;

  const method = decision.coverage_method ?? rule.calculation_method;
  const effective = weights ?? (method === 'weighted_coverage' ? (rule.weighted_requirements ?? {}) : null);
  if (effective === null) return null;
  const sum = Object.values(effective).reduce((total, weight) => total + weight, 0);
  return Math.abs(sum - 1) > weightTolerance ? `weights_not_normalized: sum ${Number(sum.toFixed(6))}` : null;
}

/** What routing by content cannot take away: by the static fields as well as by the request. */
export function mustRun(policy: TenantPolicy, requestRequired: readonly string[]): ReadonlySet<string> {
  const weights = Object.keys(policy.coverage_calculation.weighted_requirements ?? {});
  return new Set([...policy.required_detectors, ...requestRequired, ...weights]);
}

interface SelectionFacts {
  readonly contentType: ContentType;
  readonly policy: TenantPolicy;
  readonly requestRequired: readonly string[];
  readonly registrations: readonly DetectorRegistration[];
  readonly decision: SelectionDecision | null;
  readonly routing: ContentRouting | null;
  /** Empty unless coverage is weighted. */
  readonly weights: Readonly<Record<string, number>>;
}

/** Names by part, before exclusions and missing capabilities take any out. */
export interface Selection {
  readonly required: readonly string[];
  /** The required ones included. */
  readonly primary: readonly string[];
  readonly secondary: readonly string[];
}

/** Who shall be asked (spec/orchestration.md 3.1). A detector brings along the candidates it depends on. */
export function selectionOf(facts: SelectionFacts): Selection {
  const { contentType, policy, decision, routing, weights } = facts;
  const candidates = new Map(
    candidatesFor(contentType, policy, facts.registrations).map((detector) => [detector.name, detector]),
  );
  const isCandidate = (name: string) => candidates.has(name);
  const skipped = new Set(routing?.skip_detectors);
  const isWanted = (name: string) => isCandidate(name) && !skipped.has(name);
  const applicable = (decision?.required_detectors ?? policy.required_detectors).filter((name) =>
    applies(name, contentType, policy),
  );
  const required = [...new Set([...applicable, ...facts.requestRequired])];
  const primary = withPredecessors(
    [
      ...required,
      ...(decision?.selected_detectors ?? []).filter(isWanted),
      ...(routing?.add_detectors ?? []).filter(isWanted),
      ...Object.keys(weights).filter((name) => (own(weights, name) ?? 0) > 0),
    ],
    candidates,
  );
  const standIns = withPredecessors(policy.optional_detectors.filter(isWanted), candidates);
  return {
    required,
    primary: [...primary],
    secondary: [...standIns].filter((name) => !primary.has(name)),
  };
}

function withPredecessors(
  names: readonly string[],
  candidates: ReadonlyMap<string, DetectorRegistration>,
): ReadonlySet<string> {
  const all = new Set(names);
  // A set that grows while it is walked: the predecessors of predecessors come too.
  for (const name of all) {
    for (const predecessor of candidates.get(name)?.depends_on ?? []) {
      if (candidates.has(predecessor)) all.add(predecessor);
    }
  }
  return all;
}
