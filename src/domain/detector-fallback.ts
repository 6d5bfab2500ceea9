import type { DetectorFallback, StandIn } from '../contract/detector-fallback';
import type { DetectorResult } from '../contract/detector-result';
import type { DetectorErrorToken, FailureCause } from '../contract/enums';
import { errorToken, resultWithoutAnswer } from './results';

/** How a detector came to give no answer. */
export type Failure = Pick<StandIn, 'cause'> & { readonly error: DetectorErrorToken };

/**
 * Whether something else may stand in the place of one that failed so: it is down, overloaded, or was silent for all the
 * time of an attempt. Never for refused credentials, calls it rejects and answers nobody can read, which are for people to
 * mend; nor when the time of the request is up.
 */
export function mayBeStoodInFor(
  error: DetectorErrorToken,
  cause: FailureCause | undefined,
): cause is FailureCause {
  if (error === 'request_deadline') return false;
  return cause === 'outage' || cause === 'overload' || cause === 'timeout';
}

/** The failure of a result that something else may stand in for, also when a default does; null for every other. */
export function failureOf(result: DetectorResult): Failure | null {
  const error = (result.stand_in?.error ?? errorToken(result)) as DetectorErrorToken | null;
  const cause = result.failure_cause;
  return error !== null && mayBeStoodInFor(error, cause) ? { cause, error } : null;
}

export function standingIn(
  strategy: StandIn['strategy'],
  detectors: readonly string[],
  { cause, error }: Failure,
  ageSeconds: number | null = null,
): StandIn {
  return { strategy, for: [...detectors], cause, error, age_seconds: ageSeconds };
}

/** What is registered for when nobody has judged. It covers nothing, and the failure stays one for the policy. */
export function defaultResult(
  detector: string,
  { label, confidence }: Extract<DetectorFallback, { strategy: 'default' }>,
  failure: Failure,
  processingTimeMs: number,
): DetectorResult {
  return {
    ...resultWithoutAnswer(detector, failure.error, processingTimeMs, failure.cause),
    status: 'success',
    error: null,
    output: label,
    confidence,
    unjudged: [{ reason: 'default_answer', start: null, end: null, labels: null }],
    stand_in: standingIn('default', [detector], failure),
  };
}
