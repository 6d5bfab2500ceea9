import type { DecidedOutcome } from '../contract/decided-outcome';
import type { Plan } from '../contract/plan';
import type { RegoDecisions } from '../contract/rego-decisions';
import { resolveConflict } from './conflict';
import { coverageWith } from './coverage';
import { decidedOutcome } from './decided-outcome';
import { outcomeOf, secondariesStoodIn } from './outcome';
import { buildPayload } from './payload';
import type { Replay } from './replay';
import { hasJudged } from './results';

/** Those that are not known are taken to have judged: what they would have found is left open, not that they would look. */
export function replayedCoverage(plan: Plan, { results, unknown }: Replay): number {
  return coverageWith(plan, results, new Set(unknown));
}

/** What a plan and the decisions of its bundle make of a replay: the rules that settle a live run. Mapping is left out. */
export function simulatedOutcome(
  plan: Plan,
  replay: Replay,
  decisions: RegoDecisions,
  { requestId, deadlineCut }: { readonly requestId: string; readonly deadlineCut: boolean },
): DecidedOutcome {
  const { results } = replay;
  const coverage = replayedCoverage(plan, replay);
  const judged = results.some(hasJudged);
  const conflict = judged ? resolveConflict(plan, results, decisions.conflict) : null;
  const policyFallback = decisions.failed || plan.decider === 'tenant_policy_opa_fallback';
  const verdict = outcomeOf({
    plan,
    results,
    coverage,
    coverageDecision: decisions.coverage,
    failureDecision: decisions.failure ?? null,
    policyFallback,
    secondariesStoodIn: secondariesStoodIn(plan, results),
    mapping: { kind: 'off' },
    aggregationFailed:
      judged && !canBeAggregated(() => buildPayload({ plan, requestId, results, coverage, conflict })),
    deadlineCut,
  });
  const coverageDecision = decisions.coverage;
  return decidedOutcome({ plan, results, coverage, coverageDecision, conflict, policyFallback, verdict });
}

function canBeAggregated(build: () => unknown): boolean {
  try {
    build();
    return true;
  } catch {
    return false;
  }
}
