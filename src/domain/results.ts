import type { DetectorResult } from '../contract/detector-result';
import {
  type DetectorErrorToken,
  type DetectorStatus,
  detectorErrors,
  type FailureCause,
} from '../contract/enums';
import type { Plan, PlannedDetector } from '../contract/plan';
import { causeOf } from './failure-cause';

const statusByToken = new Map<string, DetectorStatus>(
  Object.entries(detectorErrors).flatMap(([status, tokens]) =>
    tokens.map((token) => [token, status as DetectorStatus] as const),
  ),
);

/** The result of a detector without an answer; the token settles its status (spec/orchestration.md 1.4). */
export function resultWithoutAnswer(
  detector: string,
  token: DetectorErrorToken,
  processingTimeMs = 0,
  cause: FailureCause | undefined = causeOf(token),
): DetectorResult {
  return {
    detector,
    status: statusByToken.get(token) ?? 'failed',
    output: null,
    confidence: null,
    metadata: null,
    processing_time_ms: processingTimeMs,
    error: token,
    ...(cause && { failure_cause: cause }),
    findings: [],
    findings_truncated: false,
  };
}

/** Results of the detectors that the plan itself leaves out. */
export function skippedResults(plan: Plan): DetectorResult[] {
  return plan.skipped.map(({ detector, reason }) => resultWithoutAnswer(detector, reason));
}

/** The token at the head of a result's error. */
export function errorToken(result: DetectorResult): string | null {
  return result.error?.split(':', 1)[0] ?? null;
}

/** As an answer lists them: primary groups, secondaries, skipped. */
export function inPlanOrder(plan: Plan, results: readonly DetectorResult[]): DetectorResult[] {
  const names = [...plan.detectors.map(({ name }) => name), ...plan.skipped.map(({ detector }) => detector)];
  const place = new Map(names.map((name, index) => [name, index]));
  const placeOf = (result: DetectorResult) => place.get(result.detector) ?? names.length;
  return results.toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** Whether a detector has judged all of the content: only then does it count towards coverage. */
export function judgedInFull({ status, unjudged }: DetectorResult): boolean {
  return status === 'success' && (unjudged ?? []).length === 0;
}

/** Whether a detector has judged any of it: a label that is registered for when it fails is no judgement. */
export function hasJudged({ status, stand_in }: DetectorResult): boolean {
  return status === 'success' && stand_in?.strategy !== 'default';
}

/** What a default stands in the place of: the failure itself. */
export function withoutDefault(result: DetectorResult): DetectorResult {
  if (hasJudged(result) || !result.stand_in) return result;
  const { error, cause } = result.stand_in;
  return resultWithoutAnswer(result.detector, error as DetectorErrorToken, result.processing_time_ms, cause);
}

/** A success with the part of the plan that weighs it. */
export interface Success {
  readonly detector: PlannedDetector;
  readonly result: DetectorResult;
  /** Trimmed; empty when the detector said nothing. */
  readonly output: string;
  /** A missing confidence counts 0. */
  readonly confidence: number;
  /** Coverage weight under weighted coverage, else priority weight. */
  readonly weight: number;
}

/** Successes in plan order, whatever the order of the answers. */
export function successesOf(plan: Plan, results: readonly DetectorResult[]): Success[] {
  const weighted = plan.coverage.method === 'weighted_coverage';
  const succeeded = new Map(
    results.filter(({ status }) => status === 'success').map((result) => [result.detector, result]),
  );
  return plan.detectors.flatMap((detector) => {
    const result = succeeded.get(detector.name);
    if (!result) return [];
    return {
      detector,
      result,
      output: result.output?.trim() ?? '',
      confidence: result.confidence ?? 0,
      weight: weighted ? detector.coverage_weight : detector.priority_weight,
    };
  });
}

/** sum(w c) / sum(w); the plain mean where nothing weighs, as secondaries do under weighted coverage. */
export function weightedMean(
  votes: readonly { readonly weight: number; readonly confidence: number }[],
): number {
  const total = votes.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return votes.reduce((sum, { confidence }) => sum + confidence, 0) / votes.length;
  return votes.reduce((sum, { weight, confidence }) => sum + weight * confidence, 0) / total;
}

export interface Counts {
  readonly attempted: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** attempted = succeeded + failed; skipped ones were not attempted (spec/orchestration.md 1.3). */
export function counts(results: readonly DetectorResult[]): Counts {
  const attempted = results.filter(({ status }) => status !== 'skipped').length;
  const succeeded = results.filter(hasJudged).length;
  return { attempted, succeeded, failed: attempted - succeeded };
}
