import type { RegoDecisions } from '../contract/rego-decisions';
import type { Bundle } from '../policy/bundle';
import { decisionsOnResults, type ResultsEvaluator } from '../policy/decisions-on-results';
import type { DecideInput, DecideOutput } from './types';

export interface DecideDependencies {
  readonly evaluator: ResultsEvaluator;
  /** By digest, from memory or the store: a running orchestration keeps its bundle. */
  readonly bundleByDigest: (digest: string) => Promise<Bundle | null>;
}

/** Coverage, conflict and failures by the bundle's Rego (spec/orchestration.md 9.3), for all members of a run at once. */
export function createDecide(deps: DecideDependencies) {
  return async function decide(input: DecideInput): Promise<DecideOutput> {
    const bundle = await deps.bundleByDigest(input.plan.policy_digest);
    const decided = await Promise.all(
      input.members.map(async (member) => [
        member.request_id,
        bundle ? await decisionsOnResults(deps.evaluator, bundle, input.plan, member) : undecided,
      ]),
    );
    return Object.fromEntries(decided) as DecideOutput;
  };
}

const undecided: RegoDecisions = { coverage: null, conflict: null, failed: true };
