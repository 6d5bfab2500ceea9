import type { Breaker, BreakerCounts, BreakerState } from '../contract/breaker';
import type { CircuitBreaker } from '../contract/upstream';

/** Constants of detectors, keyed as in the configuration (spec/orchestration.md 4.1). */
export interface DetectorBreakerConstants {
  /** Failures in a row that open it. */
  readonly circuit_breaker_failure_threshold: number;
  readonly circuit_breaker_recovery_timeout_seconds: number;
  /** Trial calls in all, and successes it takes to close. */
  readonly half_open_test_requests: number;
}

/** How one breaker behaves. They are no part of its state: changed ones hold from the next event on. */
export interface BreakerSettings extends Pick<
  CircuitBreaker,
  | 'window_type'
  | 'failure_threshold'
  | 'window_seconds'
  | 'minimum_calls'
  | 'failure_rate_threshold'
  | 'reset_timeout'
  | 'recovery'
  | 'half_open_max_calls'
  | 'half_open_successes'
  | 'reset_on_healthy'
  | 'trip_on_unhealthy'
> {
  /** Whether `half_open_max_calls` bounds the trials at a time, or all of them until it closes. */
  readonly trials: 'at_once' | 'in_all';
}

/** What the constants of detectors leave to the registration. */
export function detectorBreakerSettings(
  constants: DetectorBreakerConstants,
  own: CircuitBreaker,
): BreakerSettings {
  return {
    ...own,
    window_type: 'consecutive',
    failure_threshold: constants.circuit_breaker_failure_threshold,
    reset_timeout: constants.circuit_breaker_recovery_timeout_seconds,
    recovery: 'fixed',
    half_open_max_calls: constants.half_open_test_requests,
    half_open_successes: constants.half_open_test_requests,
    trials: 'in_all',
  };
}

export const initialBreaker: Breaker = {
  state: 'closed',
  epoch: 0,
  since: 0,
  failures: 0,
  window: [],
  reopenings: 0,
  manual: false,
  trials: 0,
  successes: 0,
  last_trial_at: 0,
};

/**
 * How an admitted call ended. Failure: transport error, timeout, 5xx, malformed 200. Neutral: 4xx, 429, cancelled by the
 * caller (spec/orchestration.md 4.4, spec/gateway.md 6).
 */
export type CallOutcome = 'success' | 'failure' | 'neutral';

/** What happens to a breaker. Times are epoch milliseconds. */
export type BreakerEvent =
  /** Calls that ended, one as a rule; `epoch` is that of their admission. */
  | { readonly type: CallOutcome; readonly at: number; readonly epoch: number; readonly count: number }
  /** A call was let through to try. */
  | { readonly type: 'trial'; readonly at: number }
  /** Health has changed. */
  | { readonly type: 'healthy' | 'unhealthy'; readonly at: number }
  /** By an operator. */
  | { readonly type: 'reset' | 'trip'; readonly at: number };

/** The state as it is read: an open one whose time is up is half-open without waiting for a call. */
export function stateAt(breaker: Breaker, now: number, settings: BreakerSettings): BreakerState {
  return breaker.state === 'open' && hasRecovered(breaker, now, settings) ? 'half_open' : breaker.state;
}

/** Whether a call would be let through now. */
export function admits(breaker: Breaker, now: number, settings: BreakerSettings): boolean {
  switch (breaker.state) {
    case 'closed':
      return true;
    case 'open':
      return hasRecovered(breaker, now, settings);
    case 'half_open':
      return takenTrials(breaker, now, settings) < settings.half_open_max_calls;
  }
}

/** When calls may be let through again (epoch ms); null while they are. */
export function nextAttemptAt(breaker: Breaker, settings: BreakerSettings): number | null {
  return breaker.state === 'open' ? breaker.since + openMs(breaker, settings) : null;
}

export function hasRecovered(breaker: Breaker, now: number, settings: BreakerSettings): boolean {
  return now - breaker.since >= openMs(breaker, settings);
}

const longestExponentialSeconds = 600;

function openMs({ reopenings }: Breaker, { reset_timeout, recovery }: BreakerSettings): number {
  if (recovery === 'fixed') return reset_timeout * 1000;
  const longest = Math.max(reset_timeout, longestExponentialSeconds);
  return Math.min(longest, reset_timeout * 2 ** reopenings) * 1000;
}

/** A trial whose process died never ends; without this its place would be lost for ever. */
export function trialsInFlight(breaker: Breaker, now: number, settings: BreakerSettings): number {
  return now - breaker.last_trial_at >= settings.reset_timeout * 1000 ? 0 : breaker.trials;
}

function takenTrials(breaker: Breaker, now: number, settings: BreakerSettings): number {
  return trialsInFlight(breaker, now, settings) + (settings.trials === 'in_all' ? breaker.successes : 0);
}

/** The window moves in steps of a twentieth. */
const steps = 20;

/** The window with these outcomes, without what has left it. */
export function windowWith(
  { window }: Breaker,
  event: Extract<BreakerEvent, { type: CallOutcome }>,
  { window_seconds }: BreakerSettings,
): Breaker['window'] {
  const stepMs = (window_seconds * 1000) / steps;
  const from = Math.floor(event.at / stepMs) * stepMs;
  const kept = window.filter((bucket) => bucket.from > event.at - window_seconds * 1000);
  const bucket = kept.find((other) => other.from === from) ?? { from, successes: 0, failures: 0 };
  return [
    ...kept.filter((other) => other !== bucket),
    {
      from,
      successes: bucket.successes + (event.type === 'success' ? event.count : 0),
      failures: bucket.failures + (event.type === 'failure' ? event.count : 0),
    },
  ];
}

/** Whether this outcome is one too many. */
export function opensWith(
  breaker: Breaker,
  event: Extract<BreakerEvent, { type: CallOutcome }>,
  settings: BreakerSettings,
): boolean {
  if (event.type === 'neutral') return false;
  if (settings.window_type === 'consecutive')
    return event.type === 'failure' && breaker.failures + event.count >= settings.failure_threshold;
  const window = windowWith(breaker, event, settings);
  const failures = window.reduce((sum, bucket) => sum + bucket.failures, 0);
  const calls = window.reduce((sum, bucket) => sum + bucket.successes, failures);
  return (
    failures > 0 &&
    calls >= settings.minimum_calls &&
    // Tolerance: 0.3 of 10 calls are 3.
    failures / calls >= settings.failure_rate_threshold - 1e-9
  );
}

/** Whether an outcome teaches a breaker nothing: so it is for most calls by far. */
export function isIdle(breaker: Breaker, outcome: CallOutcome, { window_type }: BreakerSettings): boolean {
  if (breaker.state === 'open') return true;
  if (breaker.state === 'half_open') return false;
  if (outcome === 'neutral') return true;
  return outcome === 'success' && window_type === 'consecutive' && breaker.failures === 0;
}

export const noCounts: BreakerCounts = {
  successes: 0,
  failures: 0,
  prevented: 0,
  fallbacks: 0,
  last_success_at: null,
  last_failure_at: null,
};

export function countsTogether(a: BreakerCounts, b: BreakerCounts): BreakerCounts {
  return {
    successes: a.successes + b.successes,
    failures: a.failures + b.failures,
    prevented: a.prevented + b.prevented,
    fallbacks: a.fallbacks + b.fallbacks,
    last_success_at: latest(a.last_success_at, b.last_success_at),
    last_failure_at: latest(a.last_failure_at, b.last_failure_at),
  };
}

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
