import { z } from 'zod';

const epochMs = z.number().nonnegative();
const count = z.int().nonnegative();

export const breakerStates = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof breakerStates)[number];

/** A breaker as it is shared and kept. Times are epoch milliseconds. */
export const breakerSchema = z.strictObject({
  state: z.enum(breakerStates),
  /** Rises with every transition: an outcome belongs to the epoch in which its call was admitted. */
  epoch: count,
  /** When the state was entered. */
  since: epochMs,
  /** In a row, while closed. */
  failures: count,
  /** Outcomes by time, while closed with a sliding window. */
  window: z.array(z.strictObject({ from: epochMs, successes: count, failures: count })),
  /** How often it has opened without closing in between, the first time not counted. */
  reopenings: count,
  /** Opened by an operator: health does not close it. */
  manual: z.boolean(),
  /** Half-open: trial calls that have not ended, and those that ended well. */
  trials: count,
  successes: count,
  last_trial_at: epochMs,
});
export type Breaker = z.output<typeof breakerSchema>;

export const breakerTransitionSchema = z.strictObject({
  from: z.enum(breakerStates),
  to: z.enum(breakerStates),
  at: epochMs,
  reason: z.enum([
    'failures',
    'trial_failed',
    'recovery_time',
    'trials_succeeded',
    'health',
    'reset',
    'trip',
  ]),
});
export type BreakerTransition = z.output<typeof breakerTransitionSchema>;

/** What became of calls, in all. */
export const breakerCountsSchema = z.strictObject({
  successes: count,
  failures: count,
  /** Calls kept off the upstream. */
  prevented: count,
  fallbacks: count,
  last_success_at: epochMs.nullable(),
  last_failure_at: epochMs.nullable(),
});
export type BreakerCounts = z.output<typeof breakerCountsSchema>;

/** What the store has of one breaker. */
export interface StoredBreaker {
  readonly endpoint_id: string;
  /** Of the upstream it protects: another address begins anew. */
  readonly url: string;
  readonly breaker: Breaker;
  /** The last 50, oldest first. */
  readonly transitions: readonly BreakerTransition[];
  readonly counts: BreakerCounts;
}

/** What happened to one breaker in one process, to be merged into the store. */
export interface BreakerMerge {
  readonly endpoint_id: string;
  readonly url: string;
  /** Pure; what it returns is kept. */
  readonly after: (stored: Pick<StoredBreaker, 'breaker' | 'counts'> | null) => {
    readonly breaker: Breaker;
    readonly counts: BreakerCounts;
    readonly transitions: readonly BreakerTransition[];
  };
}

export interface MergedBreaker {
  readonly stored: StoredBreaker;
  /** Those of this merge. */
  readonly transitions: readonly BreakerTransition[];
}

/** Who forced a breaker, for the audit log. */
export interface BreakerForce {
  readonly action: 'reset' | 'trip';
  readonly requestId: string;
  readonly correlationId: string;
  readonly tenantId: string | null;
}
