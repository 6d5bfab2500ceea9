import { LRUCache } from 'lru-cache';
import type { ContentAnalysis } from '../contract/content-routing';
import { ConclaveError, type FieldError } from '../contract/errors';
import type { PlanRecord } from '../contract/explanation';
import type { Plan, RequestAbout } from '../contract/plan';
import type { DetectorRegistration } from '../contract/registration';
import type { OrchestrationRequest } from '../contract/request';
import type { TenantSwitches } from '../contract/tenants';
import { codePointLength } from '../contract/text';
import { projectedDuration } from '../domain/budget';
import { planRecord } from '../domain/considered';
import { planFor, type PlanningInput, type PlanningSettings } from '../domain/plan';
import type { Bundle } from '../policy/bundle';
import type { PolicyEvaluator } from '../policy/evaluator';
import { planDigest } from '../policy/plan-digest';
import type { Breakers } from '../registry/breakers';
import type { HealthMonitor } from '../registry/health-monitor';
import type { Latencies } from '../registry/latencies';
import type { Detectors } from '../registry/registry';
import { Candidates } from './candidates';
import { analyzed } from './content-analysis';
import { type PlanDecisions, planningInput, routingInput, selectionInput } from './planning-input';

/** A plan with what was so when it was made and belongs to this request alone. */
export interface Planned {
  readonly plan: Plan;
  readonly bundle: Bundle;
  /** Signature: requests with equal ones may share a run. */
  readonly digest: string;
  readonly healthStatus: Readonly<Record<string, boolean>>;
  /** Expected duration of the detector phase in ms (spec/orchestration.md 4.2). */
  readonly projectedMs: number;
  /** What other policies have to know of the request; absent: nothing beside the plan. */
  readonly about?: RequestAbout;
}

interface MadePlan {
  readonly plan: Plan;
  readonly digest: string;
  readonly input: PlanningInput;
}

export interface PlannerDependencies {
  /** The active one; brought into memory when it is asked for. */
  readonly bundleOf: (tenantId: string, bundle: string) => Promise<Bundle | null>;
  readonly evaluator: Pick<PolicyEvaluator, 'select' | 'route'>;
  readonly registry: Detectors;
  readonly health: HealthMonitor;
  readonly breakers: Breakers;
  readonly latencies: Latencies;
  /** What counts of the tenant's allow-list under the bundle. */
  readonly allowListOf: (tenantId: string, bundle: string) => Plan['allow_list'];
  readonly settings: PlanningSettings;
  /** Null: the tenant has none. */
  readonly switchesOf: (tenantId: string) => TenantSwitches | null;
  /** Keeps what there is to explain about a plan; resolves when it is kept. */
  readonly record: (tenantId: string, digest: string, record: () => PlanRecord) => Promise<void>;
}

const rememberedPlans = 1000;

/** Settles, before anything starts, which detectors a request is for (design.md 2). */
export class Planner {
  /** Requests of one kind get the same plan again and again, as long as the registry stays. */
  readonly #plans = new WeakMap<readonly DetectorRegistration[], LRUCache<string, MadePlan>>();

  readonly #candidates = new Candidates();

  constructor(private readonly deps: PlannerDependencies) {}

  /**
   * @param requestId for the decision log
   * @param key by which versions are chosen where several share the traffic of a name: the caller's idempotency key, else
   *   the request's id, so that a repetition goes where the first call went (spec/orchestration.md 3.1)
   * @throws ConclaveError POLICY_NOT_FOUND, INSUFFICIENT_RBAC (`policy_denied`, `bundle_scope_missing`), INVALID_REQUEST (unknown detector)
   */
  async plan(request: OrchestrationRequest, requestId: string, key = requestId): Promise<Planned> {
    const bundle = await this.deps.bundleOf(request.tenant_id, request.policy_bundle);
    if (!bundle) {
      throw new ConclaveError('POLICY_NOT_FOUND', 'the tenant has no active policy bundle of this name', {
        fieldErrors: [{ path: 'policy_bundle', message: 'names no active bundle of the tenant' }],
      });
    }
    refuseUnlessWritable(bundle);
    const registrations = this.deps.registry.visibleTo(request.tenant_id, key);
    refuseUnknownDetectors(request, registrations);
    const candidates = this.#candidates.of(registrations, bundle, request.content_type);
    const input = selectionInput(
      request,
      codePointLength(request.content),
      bundle,
      candidates.map(({ registration, endpointId }) => ({
        registration,
        healthy: this.deps.health.isHealthy(endpointId),
        breaker: this.deps.breakers.stateOf(endpointId),
      })),
    );
    const decision = await this.deps.evaluator.select(bundle, input, requestId);
    if (decision.kind === 'decision' && decision.value.allow === false) {
      throw new ConclaveError('INSUFFICIENT_RBAC', 'the policy denies this request', {
        detail: 'policy_denied',
      });
    }
    // The content is looked at only where the bundle asks what it is like.
    const analysis = bundle.rules.routing ? analyzed(request) : null;
    const routing = analysis
      ? await this.deps.evaluator.route(bundle, routingInput(input, analysis), requestId)
      : ({ kind: 'no_rule' } as const);
    const made = this.#planFor(request, bundle, registrations, { selection: decision, routing });
    const { plan, digest } = made;
    await this.deps.record(request.tenant_id, digest, () => planRecord(plan, made.input));
    return {
      plan,
      bundle,
      digest,
      healthStatus: Object.fromEntries(
        candidates.map(({ registration, endpointId }) => [
          registration.name,
          this.deps.health.isAvailable(endpointId),
        ]),
      ),
      projectedMs: this.#projected(plan, registrations),
      ...aboutOf(request, analysis),
    };
  }

  #planFor(
    request: OrchestrationRequest,
    bundle: Bundle,
    registrations: readonly DetectorRegistration[],
    decisions: PlanDecisions,
  ): MadePlan {
    let plans = this.#plans.get(registrations);
    if (!plans) {
      plans = new LRUCache({ max: rememberedPlans });
      this.#plans.set(registrations, plans);
    }
    // All of a request that planning looks at.
    const asked = {
      tenant_id: request.tenant_id,
      policy_bundle: request.policy_bundle,
      environment: request.environment,
      content_type: request.content_type,
      priority: request.priority,
      required_detectors: request.required_detectors,
      excluded_detectors: request.excluded_detectors,
    };
    const allowList = this.deps.allowListOf(request.tenant_id, request.policy_bundle);
    const tenant = this.deps.switchesOf(request.tenant_id);
    const key = JSON.stringify([bundle.digest, asked, decisions, allowList ?? null, tenant]);
    let made = plans.get(key);
    if (!made) {
      const input = {
        ...planningInput(bundle, asked, registrations, decisions, this.deps.settings),
        ...(allowList && { allowList }),
        ...(tenant && { tenant }),
      };
      const plan = planFor(input);
      made = { plan, digest: planDigest(plan), input };
      plans.set(key, made);
    }
    return made;
  }

  #projected(plan: Plan, registrations: readonly DetectorRegistration[]): number {
    const declared = new Map(registrations.map((r) => [r.name, r.capabilities.average_processing_time_ms]));
    const versions = new Map(plan.detectors.map(({ name, version }) => [name, version]));
    return projectedDuration(plan.primary_stages, (name) =>
      this.deps.latencies.estimate(name, versions.get(name) ?? '', declared.get(name) ?? null),
    );
  }
}

function aboutOf(
  { required_detectors: required, excluded_detectors: excluded }: OrchestrationRequest,
  analysis: ContentAnalysis | null,
): Pick<Planned, 'about'> {
  const about = {
    ...(required?.length && { required_detectors: required }),
    ...(excluded?.length && { excluded_detectors: excluded }),
    ...(analysis && { analysis }),
  };
  return Object.keys(about).length === 0 ? {} : { about };
}

/** A bundle runs under the scope of what runs it, which it may withhold (spec/orchestration.md 7, "Scope check"). */
function refuseUnlessWritable({ policy }: Bundle): void {
  if (policy.rbac_scopes.includes('orchestrate:write')) return;
  throw new ConclaveError('INSUFFICIENT_RBAC', 'rbac_scopes of the policy bundle lack orchestrate:write', {
    detail: 'bundle_scope_missing',
  });
}

function refuseUnknownDetectors(
  request: OrchestrationRequest,
  registrations: readonly DetectorRegistration[],
): void {
  const known = new Set(registrations.map(({ name }) => name));
  const faults: FieldError[] = [];
  for (const field of ['required_detectors', 'excluded_detectors'] as const) {
    request[field]?.forEach((name, index) => {
      if (!known.has(name))
        faults.push({ path: `${field}[${index}]`, message: 'is not a registered detector' });
    });
  }
  if (faults.length === 0) return;
  throw new ConclaveError('INVALID_REQUEST', 'the request names detectors that are not registered', {
    detail: 'unknown_detector',
    fieldErrors: faults,
  });
}
