import type { DecidedOutcome } from '../contract/decided-outcome';
import type { ChangeKind, UnknownReason } from '../contract/simulation-report';
import { same } from './compare';

/** What a candidate makes of a record. */
export type Simulated =
  | {
      readonly kind: 'decided';
      readonly outcome: DecidedOutcome;
      /** Detectors that it asks and that did not look then. When there are any, the outcome is by the others alone. */
      readonly unknown: readonly string[];
    }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason };

/** How a record comes out under a candidate. */
export interface Comparison {
  readonly changes: readonly ChangeKind[];
  readonly before: DecidedOutcome;
  /** Null: it cannot be told. */
  readonly after: DecidedOutcome | null;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly unknown: {
    readonly reason: UnknownReason;
    readonly detectors: readonly string[];
    /** Whether those that looked would give another kind of verdict by themselves. */
    readonly flippedWithoutThem: boolean;
  } | null;
}

export function compared(before: DecidedOutcome, simulated: Simulated): Comparison {
  if (simulated.kind === 'unknown') {
    const unknown = { reason: simulated.reason, detectors: [], flippedWithoutThem: false };
    return { changes: ['unknown'], before, after: null, added: [], removed: [], unknown };
  }
  const { outcome, unknown } = simulated;
  const asked = [...outcome.asked, ...unknown];
  const added = asked.filter((name) => !before.asked.includes(name));
  const removed = before.asked.filter((name) => !asked.includes(name));
  const routing: readonly ChangeKind[] = added.length + removed.length > 0 ? ['routing_changed'] : [];
  const fallback: readonly ChangeKind[] = outcome.fell_back ? ['fell_back'] : [];
  if (unknown.length === 0) {
    const changes = [...changesBetween(before, outcome), ...routing, ...fallback];
    return { changes, before, after: outcome, added, removed, unknown: null };
  }
  return {
    changes: ['unknown', ...routing, ...fallback],
    before,
    after: null,
    added,
    removed,
    unknown: {
      reason: 'detector_did_not_look',
      detectors: unknown,
      flippedWithoutThem: outcome.verdict.kind !== before.verdict.kind,
    },
  };
}

function changesBetween(before: DecidedOutcome, after: DecidedOutcome): ChangeKind[] {
  const changes: ChangeKind[] = [];
  if (before.verdict.kind !== after.verdict.kind) changes.push('flipped');
  else if (before.verdict.label !== after.verdict.label) changes.push('relabeled');
  if (before.coverage_met && !after.coverage_met) changes.push('coverage_lost');
  if (!before.coverage_met && after.coverage_met) changes.push('coverage_gained');
  if (before.status !== after.status) changes.push('status_changed');
  if (before.failure_actions.join() !== after.failure_actions.join()) changes.push('failure_policy_changed');
  return changes;
}

/** Whether a candidate covers more or less than was covered; 0 where it cannot be told. */
export function coverageTrend({ before, after }: Comparison): -1 | 0 | 1 {
  if (!after || same(before.coverage, after.coverage)) return 0;
  return after.coverage > before.coverage ? 1 : -1;
}
