import type { DetectorResult } from '../contract/detector-result';
import type { ContentType } from '../contract/enums';
import type { Plan, PlannedDetector } from '../contract/plan';
import type { TenantPolicy } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import { failureOf, standingIn } from './detector-fallback';
import { hasJudged } from './results';
import { applies, supports } from './select';

interface Choice {
  readonly contentType: ContentType;
  readonly policy: TenantPolicy;
  /** Visible to the tenant, one version a name. */
  readonly registrations: readonly DetectorRegistration[];
  readonly excluded: readonly string[];
}

/**
 * The alternates of those that are called, and their alternates in turn; each detector once, so that detectors that name
 * each other do not go round. Only such as could have been called themselves, and wait for nobody.
 */
export function alternatesOf(
  called: readonly DetectorRegistration[],
  choice: Choice,
): DetectorRegistration[] {
  const { contentType, policy, registrations, excluded } = choice;
  const all = [...called];
  // A list that grows while it is walked: alternates have alternates.
  for (const { fallback } of all) {
    if (fallback?.strategy !== 'alternate' || all.some(({ name }) => name === fallback.detector)) continue;
    const alternate = registrations.find(({ name }) => name === fallback.detector);
    if (!alternate || excluded.includes(alternate.name) || alternate.depends_on.length > 0) continue;
    if (supports(alternate, contentType) && applies(alternate.name, contentType, policy)) all.push(alternate);
  }
  return all.slice(called.length);
}

/** How many detectors a member waits for; alternates are asked only when one of these has failed. */
export function expectedResults({ detectors }: Pick<Plan, 'detectors'>): number {
  return detectors.filter(({ role }) => role !== 'alternate').length;
}

/** Who is asked in this one's place; a primary is asked anyway, and in its own turn. */
export function alternateOf(plan: Plan, { fallback }: PlannedDetector): PlannedDetector | undefined {
  if (fallback?.strategy !== 'alternate') return undefined;
  return plan.detectors.find(
    ({ name, role, depends_on }) =>
      name === fallback.detector && role !== 'primary' && depends_on.length === 0,
  );
}

/** With what alternates have judged marked as such: who stands in for whom, and why. */
export function withStandIns(plan: Plan, results: readonly DetectorResult[]): DetectorResult[] {
  const failed = new Map<string, { readonly detector: string; readonly result: DetectorResult }[]>();
  for (const detector of plan.detectors) {
    const alternate = alternateOf(plan, detector);
    const result = alternate && results.find((candidate) => candidate.detector === detector.name);
    if (!result || !failureOf(result)) continue;
    failed.set(alternate.name, [...(failed.get(alternate.name) ?? []), { detector: detector.name, result }]);
  }
  return results.map((result) => {
    const others = failed.get(result.detector);
    // Its own default is still nobody's judgement.
    if (!others || !hasJudged(result)) return result;
    const names = others.map(({ detector }) => detector);
    const age = result.stand_in?.age_seconds ?? null;
    return { ...result, stand_in: standingIn('alternate', names, failureOf(others[0]!.result)!, age) };
  });
}
