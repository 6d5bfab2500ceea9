import type { DetectorResult } from '../contract/detector-result';
import type { FailureDecision } from '../contract/failure-decision';
import type { FailureAction, FailureCause } from '../contract/enums';
import type { AppliedFailurePolicy, FailureRule } from '../contract/failure-policy';
import type { Plan, PlannedDetector } from '../contract/plan';
import { alternateOf } from './alternates';
import { isWithin } from './categories';
import { own } from './collections';
import { judgedInFull } from './results';

/** What the bundle makes of the failure of each primary (docs/failure-policy.md), in plan order. */
export function appliedFailurePolicies(
  plan: Plan,
  results: readonly DetectorResult[],
  decision: FailureDecision | null = null,
): AppliedFailurePolicy[] {
  const judged = new Set(results.filter(judgedInFull).map(({ detector }) => detector));
  return failuresOf(plan, results).map(({ detector, cause, static_action }) => {
    const said = own(decision?.actions ?? {}, detector.name);
    const decided = said === 'fail_open' && cause === 'credentials' ? undefined : said;
    const action = decided ?? static_action;
    const stand_in = action === 'secondary' ? standInFor(detector, plan, (name) => judged.has(name)) : null;
    return {
      detector: detector.name,
      cause,
      action,
      stand_in,
      ...(decided !== undefined && { decided_by: 'opa' as const }),
    };
  });
}

/** The failures of primaries, and what the static rules make of them. */
export function failuresOf(plan: Plan, results: readonly DetectorResult[]) {
  const causes = new Map(results.map(({ detector, failure_cause }) => [detector, failure_cause]));
  return plan.detectors.flatMap((detector) => {
    const cause = causes.get(detector.name);
    if (cause === undefined || detector.role !== 'primary') return [];
    return { detector, cause, static_action: actionFor(plan.failure_rules ?? [], detector, cause) };
  });
}

/** Detectors whose failure is not to count against the threshold: let pass, or made good by a stand-in. */
export function madeGood(applied: readonly AppliedFailurePolicy[]): ReadonlySet<string> {
  return new Set(
    applied
      .filter(({ action, stand_in }) => action === 'fail_open' || stand_in !== null)
      .map(({ detector }) => detector),
  );
}

/** The first rule that fits decides; nothing opens what was refused for its credentials. */
function actionFor(
  rules: readonly FailureRule[],
  detector: PlannedDetector,
  cause: FailureCause,
): FailureAction {
  const action = rules.find((rule) => fits(rule, detector, cause))?.action ?? 'fail_closed';
  return action === 'fail_open' && cause === 'credentials' ? 'fail_closed' : action;
}

function fits(
  { causes, detectors, categories }: FailureRule,
  detector: PlannedDetector,
  cause: FailureCause,
): boolean {
  if (causes && !causes.includes(cause)) return false;
  if (detectors && !detectors.includes(detector.name)) return false;
  if (!categories) return true;
  return detector.taxonomy_categories.some((declared) =>
    categories.some((category) => isWithin(declared, category)),
  );
}

/** Its alternate, or else a secondary: one that has judged all of it and looks for everything that it declares. */
function standInFor(
  detector: PlannedDetector,
  plan: Plan,
  judged: (detector: string) => boolean,
): string | null {
  const { taxonomy_categories: missing } = detector;
  const looksForIt = ({ taxonomy_categories: declared }: PlannedDetector) =>
    missing.every((category) => declared.some((ancestor) => isWithin(category, ancestor)));
  const alternate = alternateOf(plan, detector);
  if (alternate && judged(alternate.name) && looksForIt(alternate)) return alternate.name;
  if (missing.length === 0) return null;
  const secondary = plan.detectors.find(
    (other) => other.role === 'secondary' && judged(other.name) && looksForIt(other),
  );
  return secondary?.name ?? null;
}

/** Whether, with these detectors down, the others have something to say in their place. */
export function canBeStoodInFor(plan: Plan, isAvailable: (detector: string) => boolean): boolean {
  return plan.detectors.some((detector) => {
    if (detector.role !== 'primary' || isAvailable(detector.name)) return false;
    const alternate = alternateOf(plan, detector);
    if (alternate && isAvailable(alternate.name)) return true;
    const action = actionFor(plan.failure_rules ?? [], detector, 'outage');
    return action === 'secondary' && standInFor(detector, plan, isAvailable) !== null;
  });
}
