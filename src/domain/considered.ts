import type { ConsideredDetector, PlanRecord } from '../contract/explanation';
import type { Plan, PlannedDetector } from '../contract/plan';
import type { DetectorRegistration } from '../contract/registration';
import { own } from './collections';
import { alphabetically } from './compare';
import { coverageWeights } from './planned-coverage';
import type { PlanningInput } from './plan';
import { recordedRegistration } from './recorded-registration';
import { applies, supports } from './select';

/** A plan as it is kept to be explained: with every detector that the tenant saw, and why it is in it or not. */
export function planRecord(plan: Plan, input: PlanningInput): PlanRecord {
  return {
    content_type: plan.content_type,
    decider: plan.decider,
    selection_reason: plan.selection_reason,
    considered: considered(plan, input),
    stages: {
      primary: plan.primary_stages.map((stage) => [...stage]),
      secondary: plan.secondary_stages.map((stage) => [...stage]),
    },
    coverage: {
      ...plan.coverage,
      required_detectors: [...plan.coverage.required_detectors],
      weights: { ...plan.coverage.weights },
      required_categories: [...plan.coverage.required_categories],
    },
    conflict: { strategy: plan.conflict.strategy, decided_by: plan.conflict.decided_by },
    registrations: input.registrations.map(recordedRegistration),
  };
}

function considered(plan: Plan, input: PlanningInput): ConsideredDetector[] {
  const planned = new Map(plan.detectors.map((detector) => [detector.name, detector]));
  const skipped = new Map(plan.skipped.map(({ detector, reason }) => [detector, reason]));
  const registered = new Map(input.registrations.map((registration) => [registration.name, registration]));
  const names = new Set([...registered.keys(), ...skipped.keys()]);
  return [...names].toSorted(alphabetically).map((detector): ConsideredDetector => {
    const { role } = planned.get(detector) ?? { role: null };
    const registration = registered.get(detector);
    const about = { detector, version: registration?.version ?? null, chosen: role !== null, role };
    if (role !== null) return { ...about, reason: choiceOf(detector, role, input) };
    if (registration === undefined) return { ...about, reason: 'not_registered' };
    if (skipped.get(detector) === 'excluded_by_request') return { ...about, reason: 'excluded_by_request' };
    return { ...about, reason: omissionOf(registration, input) };
  });
}

/** The first that applies, in the order in which they bind. */
function choiceOf(
  name: string,
  role: PlannedDetector['role'],
  { request, policy, decision, routing }: PlanningInput,
): ConsideredDetector['reason'] {
  if (role === 'alternate') return 'alternate';
  if (role === 'secondary') return policy.optional_detectors.includes(name) ? 'optional' : 'dependency';
  if (request.required_detectors?.includes(name)) return 'required_by_request';
  if (decision?.required_detectors?.includes(name)) return 'required_by_opa';
  if (!decision?.required_detectors && policy.required_detectors.includes(name)) return 'required_by_policy';
  if (decision?.selected_detectors.includes(name)) return 'selected_by_opa';
  if (routing?.add_detectors?.includes(name)) return 'added_by_routing';
  const weights = coverageWeights(request.content_type, policy, decision);
  return (own(weights, name) ?? 0) > 0 ? 'coverage_weight' : 'dependency';
}

function omissionOf(
  registration: DetectorRegistration,
  { request, policy, decision, routing }: PlanningInput,
): ConsideredDetector['reason'] {
  const { name } = registration;
  if (!applies(name, request.content_type, policy)) return 'not_routed_for_content_type';
  if (!supports(registration, request.content_type)) return 'unsupported_content_type';
  if (routing?.skip_detectors?.includes(name)) return 'skipped_by_routing';
  return decision ? 'not_selected_by_opa' : 'not_named_by_policy';
}
