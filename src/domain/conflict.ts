import type { ConflictDecision } from '../contract/decisions';
import type { DetectorResult } from '../contract/detector-result';
import { type ConflictStrategy, type TieBreaker, tieBreakers } from '../contract/enums';
import type { ConflictSummary } from '../contract/payload';
import type { Plan } from '../contract/plan';
import { groupedBy } from './collections';
import { alphabetically, highestBy, rounded, same } from './compare';
import {
  type Ballot,
  type Metric,
  type OutputGroup,
  highestConfidence,
  isSupportedBy,
  metricOf,
} from './conflict-strategies';
import { type Success, successesOf } from './results';

export type ConflictResolution = ConflictSummary & { readonly winning_result: DetectorResult };

/** Why a decision of Rego is void (spec/orchestration.md 9.3); null when it holds. */
export function conflictFault(decision: ConflictDecision, plan: Plan): string | null {
  const { winning_detector: preferred } = decision;
  if (preferred === undefined || plan.detectors.some(({ name }) => name === preferred)) return null;
  return 'unknown_detector';
}

/**
 * Settles which output stands where successes disagree (spec/orchestration.md 3.4). Null when there is no conflict,
 * that is, with fewer than two distinct outputs. An invalid decision is ignored. The order of the results is
 * without effect.
 */
export function resolveConflict(
  plan: Plan,
  results: readonly DetectorResult[],
  decision: ConflictDecision | null,
): ConflictResolution | null {
  const voters = successesOf(plan, results).filter(({ output }) => output !== '');
  const groups = groupsOf(voters);
  if (groups.length < 2) return null;

  const valid = decision && conflictFault(decision, plan) === null ? decision : null;
  const strategy = valid?.resolution_strategy ?? plan.conflict.strategy;
  const ballot: Ballot = {
    groups,
    contentType: plan.content_type,
    conflict: plan.conflict,
    preferred: valid?.winning_detector ?? null,
  };
  const { winner, tieBreaker, delta } = settle(ballot, strategy, valid?.tie_breaker);
  const best = strongestSupporter(winner);
  return {
    strategy_used: strategy,
    decided_by: valid?.resolution_strategy ? 'opa' : plan.conflict.decided_by,
    conflicting_detectors: voters
      .filter(({ output }) => output !== winner.output)
      .map(({ detector }) => detector.name),
    winning_output: winner.output,
    winning_detector: best.detector.name,
    winning_result: best.result,
    tie_breaker_applied: tieBreaker,
    confidence_delta: rounded(delta),
    resolution_notes: notes(strategy, groups.length, voters.length, best.detector.name, tieBreaker),
    opa_decision: valid && Object.fromEntries(Object.entries(valid)),
  };
}

function groupsOf(voters: readonly Success[]): OutputGroup[] {
  return [...groupedBy(voters, ({ output }) => output)].map(([output, supporters]) => ({
    output,
    supporters,
  }));
}

interface Settlement {
  readonly winner: OutputGroup;
  readonly tieBreaker: TieBreaker | null;
  readonly delta: number;
}

function settle(ballot: Ballot, strategy: ConflictStrategy, first: TieBreaker | undefined): Settlement {
  const metric = metricOf(strategy, ballot);
  const top = strongest(ballot.groups, metric);
  const { winner, tieBreaker } = breakTie(top, ballot.preferred, first);
  if (tieBreaker) return { winner, tieBreaker, delta: 0 };
  const [runnerUp] = strongest(
    ballot.groups.filter((group) => group !== winner),
    metric,
  );
  return { winner, tieBreaker, delta: runnerUp ? lead(metric(winner), metric(runnerUp)) : 0 };
}

/** The groups that no other beats; more than one is a tie. */
function strongest(groups: readonly OutputGroup[], metric: Metric): readonly OutputGroup[] {
  const components = groups[0] ? metric(groups[0]).length : 0;
  let top = groups;
  for (let i = 0; i < components; i++) top = highestBy(top, (group) => metric(group)[i] ?? 0);
  return top;
}

/** By how much the winner leads in the first component that tells the two apart. */
function lead(winner: readonly number[], runnerUp: readonly number[]): number {
  const differences = winner.map((value, i) => value - (runnerUp[i] ?? 0));
  return differences.find((difference) => !same(difference, 0)) ?? 0;
}

function breakTie(
  tied: readonly OutputGroup[],
  preferred: string | null,
  first: TieBreaker | undefined,
): { winner: OutputGroup; tieBreaker: TieBreaker | null } {
  const chain = first ? [first, ...tieBreakers.filter((other) => other !== first)] : tieBreakers;
  let left = tied;
  let tieBreaker: TieBreaker | null = null;
  for (const next of chain) {
    if (left.length === 1) break;
    const narrowed = narrow(left, next, preferred);
    if (narrowed.length < left.length) tieBreaker = next;
    left = narrowed;
  }
  const [winner] = left;
  if (!winner) throw new RangeError('a conflict needs at least one output');
  return { winner, tieBreaker };
}

function narrow(
  groups: readonly OutputGroup[],
  by: TieBreaker,
  preferred: string | null,
): readonly OutputGroup[] {
  switch (by) {
    case 'preferred_detector':
      return highestBy(groups, (group) => (isSupportedBy(group, preferred) ? 1 : 0));
    case 'detector_priority':
      return highestBy(groups, ({ supporters }) =>
        Math.max(...supporters.map(({ detector }) => detector.priority_weight)),
      );
    case 'highest_confidence':
      return highestBy(groups, highestConfidence);
    case 'alphabetical':
      return groups.toSorted((a, b) => alphabetically(a.output, b.output)).slice(0, 1);
  }
}

function strongestSupporter({ supporters }: OutputGroup): Success {
  const [best] = supporters.toSorted(
    (a, b) => b.confidence - a.confidence || alphabetically(a.detector.name, b.detector.name),
  );
  if (!best) throw new RangeError('an output needs a supporter');
  return best;
}

/** Names the numbers and the detector, never the outputs: those may quote content. */
function notes(
  strategy: ConflictStrategy,
  outputs: number,
  voters: number,
  winner: string,
  tieBreaker: TieBreaker | null,
): string {
  const tie = tieBreaker ? `, tie broken by ${tieBreaker}` : '';
  return `${strategy}: ${outputs} outputs of ${voters} detectors, won by ${winner}${tie}`;
}
