import { setImmediate } from 'node:timers/promises';
import type { ContentRoutingInput } from '../contract/content-routing';
import type { ConflictInput, CoverageInput, SelectionInput } from '../contract/decisions';
import type { FailureInput } from '../contract/failure-decision';
import type { Bundle } from './bundle';
import type { Decision } from './decision';
import { createEvaluationPool } from './evaluation-pool';
import { createPolicyEvaluator, type PolicyEvaluator } from './evaluator';
import type { Trial } from './probes';
import { regoModule } from './rego-module';

/** As in production, but for a machine that may be busy with other things. */
const decisionLimitMs = 1000;
const maxMs = 10_000;

export type Outcome = Decision<object>;

/** Asks a bundle's Rego as production does. The trials that are not begun within 10 s are `slow`. */
export async function runTrials(bundle: Bundle, trials: readonly Trial[]): Promise<readonly Outcome[]> {
  if (trials.length === 0 || bundle.wasm === null) return trials.map(() => ({ kind: 'no_rule' }));
  const compiled = regoModule(bundle.wasm);
  const pool = createEvaluationPool({ timeoutMs: decisionLimitMs });
  const startBy = Date.now() + maxMs;
  const outcomes: Outcome[] = [];
  try {
    for (const trial of trials) {
      // Each may hold up the event loop for a moment; others take their turn in between.
      await setImmediate();
      if (Date.now() > startBy) {
        outcomes.push({ kind: 'failed', reason: 'slow', detail: `ran for more than ${maxMs / 1000} s` });
        continue;
      }
      // An evaluator of its own: what fails must not count against the trials that follow.
      const evaluator = createPolicyEvaluator({ timeoutMs: decisionLimitMs, pool, compile: () => compiled });
      outcomes.push(await decided(evaluator, bundle, trial));
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
