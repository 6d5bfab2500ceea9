import type { ContentAnalysis, ContentRouting, ContentRoutingInput } from '../contract/content-routing';
import type { SelectionDecision, SelectionInput } from '../contract/decisions';
import type { Decider } from '../contract/enums';
import type { DetectorRegistration } from '../contract/registration';
import type { PlanningInput, PlanningSettings } from '../domain/plan';
import type { Bundle } from '../policy/bundle';
import { type Decision, isInvalid, valueOf } from '../policy/decision';

/** All of a request that planning looks at, but for its length. */
export type Asked = PlanningInput['request'];

export interface PlanDecisions {
  readonly selection: Decision<SelectionDecision>;
  readonly routing: Decision<ContentRouting>;
}

export interface CandidateState {
  readonly registration: DetectorRegistration;
  readonly healthy: boolean;
  readonly breaker: string;
}

export function selectionInput(
  asked: Asked,
  contentLength: number,
  { policy }: Bundle,
  candidates: readonly CandidateState[],
): SelectionInput {
  return {
    tenant_id: asked.tenant_id,
    policy_bundle: asked.policy_bundle,
    environment: asked.environment,
    content_type: asked.content_type,
    content_length: contentLength,
    priority: asked.priority,
    candidate_detectors: candidates.map(({ registration, healthy, breaker }) => ({
      name: registration.name,
      version: registration.version,
      taxonomy_categories: registration.capabilities.taxonomy_categories,
      healthy,
      breaker,
    })),
    required_detectors: asked.required_detectors ?? [],
    excluded_detectors: asked.excluded_detectors ?? [],
    policy,
  };
}

export function routingInput(
  { content_length: _length, ...about }: SelectionInput,
  content: ContentAnalysis,
): ContentRoutingInput {
  return { ...about, content };
}

/** What a plan is made of, once Rego has decided. */
export function planningInput(
  bundle: Bundle,
  request: Asked,
  registrations: readonly DetectorRegistration[],
  decisions: PlanDecisions,
  settings: PlanningSettings,
): PlanningInput {
  return {
    request,
    policy: bundle.policy,
    policyDigest: bundle.digest,
    registrations,
    decision: valueOf(decisions.selection),
    routing: valueOf(decisions.routing),
    decider: deciderOf(decisions),
    invalidDecision: isInvalid(decisions.selection) || isInvalid(decisions.routing),
    regoRules: {
      coverage: bundle.rules.coverage === true,
      conflict: bundle.rules.conflict === true,
      ...(bundle.rules.failure && { failure: true }),
    },
    settings,
  };
}

/** One that failed must show, whatever the other decided. */
function deciderOf({ selection, routing }: PlanDecisions): Decider {
  const kinds = [selection.kind, routing.kind];
  if (kinds.includes('failed')) return 'tenant_policy_opa_fallback';
  return kinds.includes('decision') ? 'opa' : 'tenant_policy';
}
