import { LRUCache } from 'lru-cache';
import type { EndedRunRecord } from '../contract/ended-run';
import type { PlanRecord } from '../contract/explanation';
import type { RegoDecisions } from '../contract/rego-decisions';
import type { DetectorRegistration } from '../contract/registration';
import { refusedOutcome } from '../domain/decided-outcome';
import { planFor, type PlanningSettings } from '../domain/plan';
import { registrationsOfThen } from '../domain/recorded-registration';
import { replayed } from '../domain/replay';
import { hasJudged } from '../domain/results';
import { candidatesFor } from '../domain/select';
import { replayedCoverage, simulatedOutcome } from '../domain/simulated-outcome';
import type { Simulated } from '../domain/simulation-comparison';
import { DependencyCycleError } from '../domain/stages';
import type { Plan } from '../contract/plan';
import type { Bundle } from '../policy/bundle';
import { decisionsOnResults } from '../policy/decisions-on-results';
import type { PolicyEvaluator } from '../policy/evaluator';
import { type PlanDecisions, planningInput, routingInput, selectionInput } from './planning-input';

export interface ReplayerDependencies {
  /** The candidate. */
  readonly bundle: Bundle;
  readonly evaluator: Omit<PolicyEvaluator, 'close'>;
  /** What is on record of a plan of the tenant's. */
  readonly planOf: (digest: string) => Promise<PlanRecord | null>;
  /** Detectors that are registered now, of which some may not have been then. */
  readonly registered: readonly DetectorRegistration[];
  readonly settings: PlanningSettings;
}

const rememberedPlans = 2000;
const nothingDecided: RegoDecisions = { coverage: null, conflict: null, failed: false };

/** Has a candidate decide on runs that have ended, by the code that plans and settles live ones. */
export class Replayer {
  readonly #registrations: LRUCache<string, { readonly known: readonly DetectorRegistration[] | null }>;
  readonly #plans = new LRUCache<string, { readonly plan: Plan | null }>({ max: rememberedPlans });

  constructor(private readonly deps: ReplayerDependencies) {
    this.#registrations = new LRUCache({
      max: rememberedPlans,
      fetchMethod: async (digest) => ({
        known: registrationsOfThen(await deps.planOf(digest), deps.registered),
      }),
    });
  }

  async replay(requestId: string, run: EndedRunRecord): Promise<Simulated> {
    const { bundle, evaluator } = this.deps;
    const registrations = (await this.#registrations.fetch(run.plan_digest))?.known;
    if (!registrations) return { kind: 'unknown', reason: 'plan_not_recorded' };
    const asked = askedIn(run, bundle);
    const input = selectionInput(
      asked,
      run.content_length,
      bundle,
      candidatesFor(run.content_type, bundle.policy, registrations).map((registration) => ({
        registration,
        healthy: !run.unavailable.includes(registration.name),
        breaker: 'closed',
      })),
    );
    const selection = await evaluator.select(bundle, input, requestId);
    if (selection.kind === 'decision' && selection.value.allow === false)
      return { kind: 'decided', outcome: refusedOutcome, unknown: [] };
    if (bundle.rules.routing && !run.analysis)
      return { kind: 'unknown', reason: 'content_analysis_not_recorded' };
    const routing = run.analysis
      ? await evaluator.route(bundle, routingInput(input, run.analysis), requestId)
      : ({ kind: 'no_rule' } as const);
    const plan = this.#planFor(run, asked, registrations, { selection, routing });
    if (!plan) return { kind: 'unknown', reason: 'no_plan' };
    return this.#settled(plan, requestId, run);
  }

  async #settled(plan: Plan, requestId: string, run: EndedRunRecord): Promise<Simulated> {
    const deadlineCut = run.deadline_cut;
    const replay = replayed(plan, {
      results: run.results,
      contentLength: run.content_length,
      unavailable: run.unavailable,
      deadlineCut,
    });
    const { results } = replay;
    const decisions = results.some(hasJudged)
      ? await decisionsOnResults(this.deps.evaluator, this.deps.bundle, plan, {
          request_id: requestId,
          coverage: replayedCoverage(plan, replay),
          results,
        })
      : nothingDecided;
    const outcome = simulatedOutcome(plan, replay, decisions, { requestId, deadlineCut });
    return { kind: 'decided', outcome, unknown: replay.unknown };
  }

  #planFor(
    run: EndedRunRecord,
    asked: ReturnType<typeof askedIn>,
    registrations: readonly DetectorRegistration[],
    decisions: PlanDecisions,
  ): Plan | null {
    const key = JSON.stringify([run.plan_digest, asked, decisions]);
    let made = this.#plans.get(key);
    if (!made) {
      const { bundle, settings } = this.deps;
      made = { plan: planOrNull(planningInput(bundle, asked, registrations, decisions, settings)) };
      this.#plans.set(key, made);
    }
    return made.plan;
  }
}

function askedIn(run: EndedRunRecord, { policy }: Bundle) {
  return {
    tenant_id: policy.tenant_id,
    policy_bundle: policy.policy_bundle,
    environment: run.environment,
    content_type: run.content_type,
    priority: run.priority,
    required_detectors: run.required_detectors,
    excluded_detectors: run.excluded_detectors,
  };
}

/** Null: detectors wait for each other. */
function planOrNull(input: Parameters<typeof planFor>[0]): Plan | null {
  try {
    return planFor(input);
  } catch (error) {
    if (error instanceof DependencyCycleError) return null;
    throw error;
  }
}
