import type { DetectorResult } from '../contract/detector-result';
import type { Plan, PlannedDetector } from '../contract/plan';
import { isWithin } from './categories';
import { atLeast } from './compare';
import { canBeStoodInFor } from './failure-policy';
import { judgedInFull } from './results';

/**
 * Share of what the policy asks for that was judged, in [0, 1], unrounded (spec/orchestration.md 3.2). The denominator
 * is the plan's: no failure, skip or exclusion shrinks it. Who left something unjudged has not covered it (ADR 8).
 */
export function coverageOf(plan: Plan, results: readonly DetectorResult[]): number {
  return coverageWith(plan, results, new Set());
}

/** What counts against the threshold: failures that are made good cost nothing there (docs/failure-policy.md). */
export function coverageWith(
  plan: Plan,
  results: readonly DetectorResult[],
  good: ReadonlySet<string>,
): number {
  const judged = new Set(results.filter(judgedInFull).map(({ detector }) => detector));
  return coverageBy(plan, (name) => judged.has(name) || good.has(name));
}

function coverageBy(plan: Plan, succeeded: (detector: string) => boolean): number {
  const { method, required_detectors, weights, required_categories } = plan.coverage;
  switch (method) {
    case 'required_set':
      return share(required_detectors, succeeded);
    case 'weighted_coverage': {
      const sum = Object.entries(weights).reduce((total, [name, w]) => total + (succeeded(name) ? w : 0), 0);
      return Math.min(1, sum);
    }
    case 'taxonomy_coverage': {
      const declared = plan.detectors
        .filter(({ name }) => succeeded(name))
        .flatMap(({ taxonomy_categories }) => taxonomy_categories);
      return share(required_categories, (category) =>
        declared.some((ancestor) => isWithin(category, ancestor)),
      );
    }
  }
}

function share(required: readonly string[], met: (item: string) => boolean): number {
  return required.length === 0 ? 0 : required.filter(met).length / required.length;
}

/**
 * Whether the secondaries have something to stand in for (3.1).
 * @param assumed detectors that are taken to have judged
 */
export function primariesFellShort(
  plan: Plan,
  results: readonly DetectorResult[],
  assumed: ReadonlySet<string> = new Set(),
): boolean {
  return plan.secondary_stages.length > 0 && !atLeast(coverageWith(plan, results, assumed), 1);
}

/**
 * False: no available detector of the plan, failover included, can add coverage, so nothing is called (section 5). One
 * with a standby or a memory may answer though it is down.
 */
export function canAddCoverage(plan: Plan, isAvailable: (detector: string) => boolean): boolean {
  const mayAnswer = ({ name, fallback }: PlannedDetector) =>
    isAvailable(name) || fallback?.strategy === 'redirect' || fallback?.strategy === 'cached';
  const covers = ({ name }: PlannedDetector) => coverageBy(plan, (succeeded) => succeeded === name) > 0;
  return (
    plan.detectors.some((detector) => mayAnswer(detector) && covers(detector)) ||
    canBeStoodInFor(plan, isAvailable)
  );
}
