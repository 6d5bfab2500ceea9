/** Keys as in the configuration (spec/orchestration.md 4.1). */
export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly circuit_breaker_failure_threshold: number;
  readonly circuit_breaker_recovery_timeout_seconds: number;
  /** Trial calls in all, and successes it takes to close. */
  readonly half_open_test_requests: number;
}

/** One per detector version, shared by all replicas. Times are epoch milliseconds. */
export type Breaker =
  | { readonly state: 'closed'; readonly failures: number }
  | { readonly state: 'open'; readonly opened_at: number }
  | {
      readonly state: 'half_open';
      /** Calls let through; those that ended neutrally have been given back. */
      readonly trials: number;
      readonly successes: number;
      readonly last_trial_at: number;
    };

export const initialBreaker: Breaker = { state: 'closed', failures: 0 };

/** Asks for one attempt; an admitted one must be recorded when it ends. */
export function admit(
  breaker: Breaker,
  now: number,
  settings: BreakerSettings,
): { readonly admitted: boolean; readonly state: Breaker } {
  switch (breaker.state) {
    case 'closed':
      return { admitted: true, state: breaker };
    case 'open':
      if (!hasRecovered(breaker.opened_at, now, settings)) return { admitted: false, state: breaker };
      return { admitted: true, state: { state: 'half_open', trials: 1, successes: 0, last_trial_at: now } };
    case 'half_open': {
      // A trial whose process died is never recorded; without this its slot would be lost for ever.
      const trials = hasRecovered(breaker.last_trial_at, now, settings) ? breaker.successes : breaker.trials;
      if (trials >= settings.half_open_test_requests) return { admitted: false, state: breaker };
      return { admitted: true, state: { ...breaker, trials: trials + 1, last_trial_at: now } };
    }
  }
}

/** Whether an attempt would be let through now, without asking for one. */
export function wouldAdmit(breaker: Breaker, now: number, settings: BreakerSettings): boolean {
  return admit(breaker, now, settings).admitted;
}

/**
 * How an admitted attempt ended (spec/orchestration.md 4.4). Failure: transport error, timeout, 5xx, malformed 200.
 * Neutral: 4xx, 429, cancelled.
 */
export type AttemptOutcome = 'success' | 'failure' | 'neutral';

export function recordBreaker(
  breaker: Breaker,
  outcome: AttemptOutcome,
  now: number,
  settings: BreakerSettings,
): Breaker {
  switch (breaker.state) {
    case 'closed':
      return recordClosed(breaker, outcome, now, settings);
    case 'open':
      // An attempt admitted before it opened: what it says came too late to count.
      return breaker;
    case 'half_open':
      return recordTrial(breaker, outcome, now, settings);
  }
}

type InState<S extends Breaker['state']> = Extract<Breaker, { state: S }>;

function recordClosed(
  breaker: InState<'closed'>,
  outcome: AttemptOutcome,
  now: number,
  settings: BreakerSettings,
): Breaker {
  switch (outcome) {
    case 'success':
      return breaker.failures === 0 ? breaker : initialBreaker;
    case 'neutral':
      return breaker;
    case 'failure': {
      const failures = breaker.failures + 1;
      if (failures >= settings.circuit_breaker_failure_threshold) return { state: 'open', opened_at: now };
      return { state: 'closed', failures };
    }
  }
}

function recordTrial(
  breaker: InState<'half_open'>,
  outcome: AttemptOutcome,
  now: number,
  settings: BreakerSettings,
): Breaker {
  switch (outcome) {
    case 'success': {
      const successes = breaker.successes + 1;
      return successes >= settings.half_open_test_requests ? initialBreaker : { ...breaker, successes };
    }
    case 'neutral':
      return { ...breaker, trials: Math.max(breaker.successes, breaker.trials - 1) };
    case 'failure':
      return { state: 'open', opened_at: now };
  }
}

function hasRecovered(since: number, now: number, settings: BreakerSettings): boolean {
  return now - since >= settings.circuit_breaker_recovery_timeout_seconds * 1000;
}
