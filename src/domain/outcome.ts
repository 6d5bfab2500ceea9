import type { CoverageDecision } from '../contract/decisions';
import type { DetectorResult } from '../contract/detector-result';
import type { FailureDecision } from '../contract/failure-decision';
import type { FallbackReason } from '../contract/enums';
import { type ErrorCode, canonicalErrors } from '../contract/errors';
import type { Plan } from '../contract/plan';
import type { AppliedFailurePolicy } from '../contract/failure-policy';
import { atLeast } from './compare';
import { coverageWith } from './coverage';
import { appliedFailurePolicies, madeGood } from './failure-policy';
import { errorToken, hasJudged, withoutDefault } from './results';

export type MapperErrorCode = Extract<
  ErrorCode,
  'REQUEST_TIMEOUT' | 'DETECTOR_OVERLOADED' | 'DETECTOR_COMMUNICATION_FAILED'
>;

/** `skipped`: on, but with nothing to map. No time left to start is a failure, `REQUEST_TIMEOUT` (4.3). */
export type MappingOutcome =
  | { readonly kind: 'off' | 'skipped' | 'mapped' }
  | { readonly kind: 'failed'; readonly code: MapperErrorCode };

export interface Ending {
  readonly plan: Plan;
  readonly results: readonly DetectorResult[];
  /** Unrounded. */
  readonly coverage: number;
  readonly coverageDecision: CoverageDecision | null;
  /** What Rego makes of failures; absent: the static rules say it. */
  readonly failureDecision?: FailureDecision | null;
  /** The static policy stood in for Rego, at selection or after. */
  readonly policyFallback: boolean;
  readonly secondariesStoodIn: boolean;
  readonly mapping: MappingOutcome;
  readonly aggregationFailed: boolean;
  /** The member was ended by its cut or deadline. */
  readonly deadlineCut: boolean;
}

export interface OutcomeVerdict {
  /** HTTP status of the answer. */
  readonly status: number;
  readonly error_code: ErrorCode | null;
  readonly fallback_used: boolean;
  readonly fallback_reasons: FallbackReason[];
  /** What the bundle made of failures; absent when no primary failed. */
  readonly failure_policy?: readonly AppliedFailurePolicy[];
}

/** Whether a secondary has answered. */
export function secondariesStoodIn({ detectors }: Plan, results: readonly DetectorResult[]): boolean {
  return detectors.some(
    ({ name, role }) =>
      role === 'secondary' &&
      results.some((result) => result.detector === name && result.status === 'success'),
  );
}

/** How an execution ended, in the locked order of precedence (spec/orchestration.md 5). */
export function outcomeOf(ending: Ending): OutcomeVerdict {
  const applied = appliedFailurePolicies(ending.plan, ending.results, ending.failureDecision ?? null);
  const { status, error_code } = endOf(ending, applied);
  const fallback_reasons = fallbackReasons(ending, error_code, applied);
  const fallback_used =
    fallback_reasons.length > 0 || (error_code !== null && canonicalErrors[error_code].fallbackUsed);
  return {
    status,
    error_code,
    fallback_used,
    fallback_reasons,
    ...(applied.length > 0 && { failure_policy: applied }),
  };
}

function endOf(
  ending: Ending,
  applied: readonly AppliedFailurePolicy[],
): Pick<OutcomeVerdict, 'status' | 'error_code'> {
  if (!ending.results.some(hasJudged)) return failedWith(errorWithoutSuccess(ending));
  if (ending.aggregationFailed) return failedWith('AGGREGATION_FAILED');
  if (isPartial(ending, applied)) return failedWith('PARTIAL_COVERAGE');
  // A mapper's failure leaves the answer a success: the detectors' results are intact (R24).
  return { status: 200, error_code: ending.mapping.kind === 'failed' ? ending.mapping.code : null };
}

function failedWith(error_code: ErrorCode): Pick<OutcomeVerdict, 'status' | 'error_code'> {
  return { status: canonicalErrors[error_code].status, error_code };
}

function errorWithoutSuccess({ results, deadlineCut }: Ending): ErrorCode {
  const attempted = results.map(withoutDefault).filter(({ status }) => status !== 'skipped');
  const called = attempted.filter(({ status }) => status !== 'unavailable');
  if (called.length === 0) {
    return deadlineCut && attempted.length === 0 ? 'REQUEST_TIMEOUT' : 'ALL_DETECTORS_UNAVAILABLE';
  }
  if (attempted.every((result) => errorToken(result) === 'overloaded')) return 'DETECTOR_OVERLOADED';
  if (called.every((result) => errorToken(result) === 'request_deadline')) return 'REQUEST_TIMEOUT';
  return 'DETECTOR_COMMUNICATION_FAILED';
}

/** Rego may tighten coverage, never loosen it (3.2); what a person must see is never whole. */
function isPartial(
  { plan, results, coverage, coverageDecision }: Ending,
  applied: readonly AppliedFailurePolicy[],
): boolean {
  if (coverageDecision?.coverage_met === false) return true;
  if (applied.some(({ action }) => action === 'human_review')) return true;
  const good = madeGood(applied);
  const counted = good.size === 0 ? coverage : coverageWith(plan, results, good);
  return !atLeast(counted, plan.coverage.threshold);
}

function fallbackReasons(
  ending: Ending,
  code: ErrorCode | null,
  applied: readonly AppliedFailurePolicy[],
): FallbackReason[] {
  const reasons: FallbackReason[] = [];
  if (ending.secondariesStoodIn) reasons.push('secondary_detectors');
  if (ending.policyFallback) reasons.push('opa_unavailable');
  if (ending.mapping.kind === 'failed') {
    reasons.push(ending.mapping.code === 'REQUEST_TIMEOUT' ? 'mapper_timeout' : 'mapper_error');
  }
  if (code === 'PARTIAL_COVERAGE') reasons.push('partial_coverage');
  if (madeGood(applied).size > 0 || applied.some(({ action }) => action === 'human_review'))
    reasons.push('failure_policy');
  const strategies = new Set(ending.results.map(({ stand_in }) => stand_in?.strategy));
  if (strategies.has('cached')) reasons.push('cached_while_unavailable');
  if (strategies.has('default') || strategies.has('redirect') || strategies.has('alternate'))
    reasons.push('detector_fallback');
  return reasons;
}
