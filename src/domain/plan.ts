import type { ContentRouting } from '../contract/content-routing';
import type { SelectionDecision } from '../contract/decisions';
import {
  benignLabels,
  type ContentGap,
  contentGaps,
  type ContentType,
  type Decider,
  type DetectorErrorToken,
} from '../contract/enums';
import type { VersionInfo } from '../contract/payload';
import { traitsOf } from '../contract/protocols';
import type { Plan, PlannedConflict, PlannedDetector } from '../contract/plan';
import type { TenantSwitches } from '../contract/tenants';
import type { TenantPolicy } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import type { OrchestrationRequest } from '../contract/request';
import { projectedDuration } from './budget';
import { alternatesOf } from './alternates';
import { own } from './collections';
import { alphabetically } from './compare';
import { defaultStrategy } from './conflict-strategies';
import { coverageWeights, plannedCoverage } from './planned-coverage';
import { type Selection, applies, byPriority, priorityWeight, selectionOf, supports } from './select';
import { stagesOf } from './stages';

export interface PlanningInput {
  readonly request: Pick<
    OrchestrationRequest,
    'tenant_id' | 'policy_bundle' | 'environment' | 'content_type' | 'priority'
  > & {
    readonly required_detectors?: readonly string[] | undefined;
    readonly excluded_detectors?: readonly string[] | undefined;
  };
  readonly policy: TenantPolicy;
  readonly policyDigest: string;
  /** Visible to the tenant, one version a name. */
  readonly registrations: readonly DetectorRegistration[];
  /** One without fault, or null. */
  readonly decision: SelectionDecision | null;
  /** The same for routing by content. */
  readonly routing?: ContentRouting | null;
  readonly decider: Decider;
  /** Whether a rule gave an answer that cannot be used. */
  readonly invalidDecision?: boolean;
  readonly regoRules: Plan['rego'];
  readonly allowList?: Plan['allow_list'];
  readonly settings: PlanningSettings;
  /** Absent: the tenant has none. */
  readonly tenant?: TenantSwitches;
}

export interface PlanningSettings {
  /** For bundles without `auto_map_results` of their own. */
  readonly mappingEnabled: boolean;
  readonly mapperBudgetMs: number;
  readonly maxConcurrentDetectors: number;
  /** Plans whose detectors declare to take longer in all go to the pool lane; absent: none does for that reason. */
  readonly fastLaneLimitMs?: number;
  readonly versionInfo: VersionInfo;
}

/**
 * What is to be done for a request (spec/orchestration.md 3.1). Equal input gives an equal plan; the order of
 * registrations and of the request's lists is without effect.
 * @throws DependencyCycleError
 */
export function planFor(input: PlanningInput): Plan {
  const { request, policy, decision, registrations, settings, tenant } = input;
  const weights = coverageWeights(request.content_type, policy, decision);
  const selection = selectionOf({
    contentType: request.content_type,
    policy,
    requestRequired: request.required_detectors ?? [],
    registrations,
    decision,
    routing: input.routing ?? null,
    weights,
  });
  const { called, skipped } = parted(input, [...selection.primary, ...selection.secondary]);
  const primaries = called.filter(({ name }) => selection.primary.includes(name));
  const primary_stages = stagesOf(primaries);
  const secondary_stages = stagesOf(called.filter((detector) => !primaries.includes(detector)));
  const alternates = alternatesOf(called, {
    contentType: request.content_type,
    policy,
    registrations,
    excluded: request.excluded_detectors ?? [],
  });
  const staged = [...primary_stages.flat(), ...secondary_stages.flat()].flatMap(
    (name) => called.find((detector) => detector.name === name) ?? [],
  );
  const detectors = [...staged, ...alternates];

  const lane = laneOf(detectors, primary_stages, settings);
  const pool = lane === 'pool' ? (tenant?.worker_queue ?? null) : null;

  return {
    tenant_id: request.tenant_id,
    policy_bundle: request.policy_bundle,
    policy_version: policy.version,
    policy_digest: input.policyDigest,
    environment: request.environment,
    content_type: request.content_type,
    priority: request.priority,
    decider: input.decider,
    ...(input.invalidDecision && { invalid_decision: true as const }),
    selection_reason: reasonOf(decision, input.routing),
    detectors: detectors.map((detector) => {
      const planned = plannedDetector(detector, selection, policy, weights, request.content_type);
      return { ...planned, pool: planned.pool ?? pool };
    }),
    primary_stages,
    secondary_stages,
    skipped,
    coverage: plannedCoverage(policy, decision, selection, registrations, weights),
    conflict: plannedConflict(request.content_type, policy),
    ...acceptedGaps(policy),
    ...(policy.failure_policy && { failure_rules: policy.failure_policy }),
    ...(input.allowList && { allow_list: input.allowList }),
    rego: input.regoRules,
    lane,
    mapping: {
      enabled: policy.auto_map_results ?? tenant?.auto_map_results ?? settings.mappingEnabled,
      budget_ms: settings.mapperBudgetMs,
    },
    allow_async_conversion: policy.allow_async_conversion && (tenant?.allow_async_conversion ?? true),
    max_concurrent_detectors: settings.maxConcurrentDetectors,
    version_info: { policy: `${request.policy_bundle}:${policy.version}`, ...settings.versionInfo },
  };
}

function reasonOf(
  decision: SelectionDecision | null,
  routing: ContentRouting | null | undefined,
): string | null {
  const reasons = [decision?.selection_reason, routing?.routing_reason].filter(
    (reason) => reason !== undefined,
  );
  return reasons.length === 0 ? null : reasons.join(', ');
}

interface Parted {
  /** In order of priority. */
  readonly called: readonly DetectorRegistration[];
  /** Not to be called, but still in the denominator (R7). */
  readonly skipped: Plan['skipped'];
}

function parted({ request, policy, registrations }: PlanningInput, selected: readonly string[]): Parted {
  const registered = new Map(registrations.map((detector) => [detector.name, detector]));
  const excluded = new Set(request.excluded_detectors);
  const called: DetectorRegistration[] = [];
  const skipped: { detector: string; reason: DetectorErrorToken }[] = [];
  for (const name of selected.toSorted(alphabetically)) {
    const detector = registered.get(name);
    if (excluded.has(name)) skipped.push({ detector: name, reason: 'excluded_by_request' });
    else if (!detector) skipped.push({ detector: name, reason: 'not_registered' });
    else if (!supports(detector, request.content_type) || !applies(name, request.content_type, policy))
      skipped.push({ detector: name, reason: 'unsupported_content_type' });
    else called.push(detector);
  }
  return { called: called.toSorted(byPriority(policy)), skipped };
}

function plannedDetector(
  registration: DetectorRegistration,
  selection: Selection,
  policy: TenantPolicy,
  weights: Readonly<Record<string, number>>,
  contentType: ContentType,
): PlannedDetector {
  const { name, capabilities } = registration;
  const { primary, secondary } = selection;
  const fallback = fallbackOf(registration, policy);
  return {
    name,
    version: registration.version,
    role: roleOf(name, selection),
    coverage_weight: own(weights, name) ?? 0,
    priority_weight: priorityWeight(policy, registration),
    bundle_priority: own(policy.priority_weights, name) ?? null,
    taxonomy_categories: capabilities.taxonomy_categories,
    score_normalization: registration.score_normalization,
    label_severity: registration.label_severity,
    max_content_length: maxLength(registration, contentType),
    long_content: longContent(registration, contentType),
    // One that is skipped stays: it cannot succeed, so this detector must not run.
    depends_on: registration.depends_on.filter(
      (other) => primary.includes(other) || secondary.includes(other),
    ),
    timeout_ms: own(policy.timeout_config, name) ?? registration.timeout_ms,
    max_retries: own(policy.retry_config, name) ?? registration.max_retries,
    pool: registration.pool ?? null,
    ...(fallback && { fallback }),
    call: {
      protocol: registration.protocol,
      endpoint: registration.endpoint,
      detector_id: registration.detector_id ?? name,
      params: registration.params,
      max_batch: registration.max_batch,
      auth_type: registration.auth_type,
      auth_config: registration.auth_config,
      http: registration.http ?? null,
    },
  };
}

function roleOf(name: string, { primary, secondary }: Selection): PlannedDetector['role'] {
  if (primary.includes(name)) return 'primary';
  return secondary.includes(name) ? 'secondary' : 'alternate';
}

/** Nothing that has not been judged may pass for benign, whatever the bundle calls so. */
function fallbackOf(
  { fallback }: DetectorRegistration,
  policy: TenantPolicy,
): DetectorRegistration['fallback'] {
  if (fallback?.strategy === 'error') return undefined;
  const isBenign =
    fallback?.strategy === 'default' &&
    benignLabelsOf(policy).some((label) => label.toLowerCase() === fallback.label);
  return isBenign ? undefined : fallback;
}

function maxLength({ protocol, capabilities }: DetectorRegistration, contentType: ContentType): number {
  const ofProtocol = contentType === 'image' ? Infinity : (traitsOf(protocol).maxLength ?? Infinity);
  return Math.min(capabilities.max_content_length, ofProtocol);
}

/** An image has no parts that could be judged alone. */
function longContent(
  registration: DetectorRegistration,
  contentType: ContentType,
): NonNullable<PlannedDetector['long_content']> {
  return contentType !== 'image' && splitsLongContent(registration) ? 'split' : 'skip';
}

/** Whether parts of a text can be judged one by one. */
export function splitsLongContent({
  protocol,
  http,
  long_content,
}: Pick<DetectorRegistration, 'protocol' | 'http' | 'long_content'>): boolean {
  const oneVerdict =
    !traitsOf(protocol).findings || (http !== undefined && http.response.findings === undefined);
  return (long_content ?? (oneVerdict ? 'skip' : 'split')) === 'split';
}

/** The usual ones, and what the bundle adds to them. */
export function benignLabelsOf(policy: TenantPolicy): string[] {
  const listed = own(policy.policy_data, 'benign_labels');
  const tenantLabels = Array.isArray(listed) ? listed.filter((label) => typeof label === 'string') : [];
  return [...new Set([...benignLabels, ...tenantLabels])];
}

/** Parts of files that the tenant lets go by unjudged: `policy_data.accepted_gaps`. */
function acceptedGaps(policy: TenantPolicy): Pick<Plan, 'accepted_gaps'> {
  const listed = own(policy.policy_data, 'accepted_gaps');
  const accepted = Array.isArray(listed) ? contentGaps.filter((gap: ContentGap) => listed.includes(gap)) : [];
  return accepted.length === 0 ? {} : { accepted_gaps: accepted };
}

function plannedConflict(contentType: ContentType, policy: TenantPolicy): PlannedConflict {
  const benign_labels = benignLabelsOf(policy);
  const override = policy.conflict_resolution_overrides[contentType];
  if (override) return { strategy: override, decided_by: 'bundle_override', benign_labels };
  if (policy.conflict_resolution) {
    return { strategy: policy.conflict_resolution, decided_by: 'bundle', benign_labels };
  }
  return { strategy: defaultStrategy(contentType), decided_by: 'content_type_default', benign_labels };
}

/** Declared durations only: measured ones change from request to request, and a plan must not (design.md 7). */
function laneOf(
  called: readonly DetectorRegistration[],
  primaryStages: Plan['primary_stages'],
  { fastLaneLimitMs = Infinity }: PlanningSettings,
): Plan['lane'] {
  if (called.some(({ pool }) => pool !== undefined)) return 'pool';
  const declared = new Map(called.map((d) => [d.name, d.capabilities.average_processing_time_ms ?? 0]));
  const projected = projectedDuration(primaryStages, (name) => declared.get(name) ?? 0);
  return projected > fastLaneLimitMs ? 'pool' : 'fast';
}
