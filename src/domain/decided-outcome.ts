import type { CoverageDecision } from '../contract/decisions';
import type { DecidedOutcome, VerdictKind } from '../contract/decided-outcome';
import type { DetectorResult } from '../contract/detector-result';
import type { Plan } from '../contract/plan';
import { alphabetically, atLeast, rounded } from './compare';
import type { ConflictResolution } from './conflict';
import { benignBy } from './conflict-strategies';
import type { OutcomeVerdict } from './outcome';
import { successesOf } from './results';

export interface DecidedRun {
  readonly plan: Plan;
  readonly results: readonly DetectorResult[];
  /** Unrounded. */
  readonly coverage: number;
  readonly coverageDecision: CoverageDecision | null;
  readonly conflict: ConflictResolution | null;
  readonly policyFallback: boolean;
  readonly verdict: OutcomeVerdict;
}

/** What the policy made of a run; of two runs over one content it shows where their policies differ. */
export function decidedOutcome(run: DecidedRun): DecidedOutcome {
  const { plan, results, coverage, verdict } = run;
  return {
    verdict: standingVerdict(run),
    status: verdict.status,
    coverage: rounded(coverage),
    coverage_met: run.coverageDecision?.coverage_met !== false && atLeast(coverage, plan.coverage.threshold),
    asked: results
      .flatMap(({ detector, status }) => (status === 'skipped' ? [] : [detector]))
      .toSorted(alphabetically),
    failure_actions: (verdict.failure_policy ?? [])
      .map(({ detector, action }) => `${detector}: ${action}`)
      .toSorted(alphabetically),
    fell_back: run.policyFallback,
  };
}

/** What a policy that denies the request makes of it: nobody looks. */
export const refusedOutcome: DecidedOutcome = {
  verdict: { kind: 'refused', label: null, detector: null },
  status: 403,
  coverage: 0,
  coverage_met: false,
  asked: [],
  failure_actions: [],
  fell_back: false,
};

function standingVerdict({ plan, results, conflict, verdict }: DecidedRun): DecidedOutcome['verdict'] {
  if (verdict.status !== 200 && verdict.status !== 206) return { kind: 'none', label: null, detector: null };
  if (conflict) {
    const { winning_output: label, winning_detector: detector } = conflict;
    return { kind: kindOf(label, plan), label, detector };
  }
  const agreed = successesOf(plan, results).find(({ output }) => output !== '');
  // Detectors that answered without a word have found nothing.
  if (!agreed) return { kind: 'benign', label: null, detector: null };
  return { kind: kindOf(agreed.output, plan), label: agreed.output, detector: agreed.detector.name };
}

function kindOf(label: string, { conflict }: Plan): VerdictKind {
  return benignBy(conflict.benign_labels)(label) ? 'benign' : 'adverse';
}
