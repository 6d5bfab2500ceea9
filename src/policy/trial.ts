import { setImmediate } from 'node:timers/promises';
import type { ContentRoutingInput } from '../contract/content-routing';
import type { ConflictInput, CoverageInput, SelectionInput } from '../contract/decisions';
import type { FailureInput } from '../contract/failure-decision';
import type { Bundle, DecisionName } from './bundle';
import type { Decision } from './decision';
import { createEvaluationPool } from './evaluation-pool';
import { createPolicyEvaluator, type PolicyEvaluator } from './evaluator';
import type { Trial } from './probes';
import { regoModule } from './rego-module';

/** As in production, but for a machine that may be busy with other things. */
const decisionLimitMs = 1000;
const maxMs = 20_000;
/** A rule that was slow so often is not asked again, so that the time is there for the others. */
const maxSlow = 3;

export type Outcome = Decision<object>;

/** Asks a bundle's Rego as production does. One that is slow again and again is `slow` for the rest; so is what is not begun within 20 s. */
export async function runTrials(bundle: Bundle, trials: readonly Trial[]): Promise<readonly Outcome[]> {
  if (trials.length === 0 || bundle.wasm === null) return trials.map(() => ({ kind: 'no_rule' }));
  const compiled = regoModule(bundle.wasm);
  const pool = createEvaluationPool({ timeoutMs: decisionLimitMs });
  const startBy = Date.now() + maxMs;
  const outcomes: Outcome[] = [];
  const slow = new Map<DecisionName, number>();
  try {
    for (const trial of trials) {
      // Each may hold up the event loop for a moment; others take their turn in between.
      await setImmediate();
      if (Date.now() > startBy) {
        outcomes.push({ kind: 'failed', reason: 'slow', detail: `ran for more than ${maxMs / 1000} s` });
        continue;
      }
      if ((slow.get(trial.decision) ?? 0) >= maxSlow) {
        outcomes.push({ kind: 'failed', reason: 'slow', detail: `took over ${decisionLimitMs} ms before` });
        continue;
      }
      // An evaluator of its own: what fails must not count against the trials that follow.
      const evaluator = createPolicyEvaluator({ timeoutMs: decisionLimitMs, pool, compile: () => compiled });
      const outcome = await decided(evaluator, bundle, trial);
      if (outcome.kind === 'failed' && outcome.reason === 'slow')
        slow.set(trial.decision, (slow.get(trial.decision) ?? 0) + 1);
      outcomes.push(outcome);
    }
    return outcomes;
  } finally {
    await pool.close();
  }
}

function decided(evaluator: PolicyEvaluator, bundle: Bundle, { decision, input }: Trial): Promise<Outcome> {
  const requestId = 'trial';
  switch (decision) {
    case 'selection':
      return evaluator.select(bundle, input as SelectionInput, requestId);
    case 'routing':
      return evaluator.route(bundle, input as ContentRoutingInput, requestId);
    case 'coverage':
      return evaluator.cover(bundle, input as CoverageInput, requestId);
    case 'conflict':
      return evaluator.resolve(bundle, input as ConflictInput, requestId);
    case 'failure':
      return evaluator.judgeFailures(bundle, input as FailureInput, requestId);
  }
}
