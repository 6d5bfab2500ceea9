/** What became of a request that carried an Idempotency-Key. */
export type IdempotencyOutcome = 'new' | 'joined' | 'replayed' | 'conflict';

/** Why a sync request became a job: its detectors were known to be slow or the line to be long, or its time was over. */
export type ConversionTrigger = 'projected' | 'elapsed';

/** What goes on without Redis while that is away. */
export const redisUsers = ['rate_limit', 'response_cache'] as const;
export type RedisUser = (typeof redisUsers)[number];

/** Whose requests are limited, and where; without a bundle, whatever bundle they name. */
export interface Limited {
  readonly endpoint: 'orchestrate' | 'batch' | 'content' | 'bulk' | 'facade' | 'other';
  readonly tenantId: string;
  readonly bundle: string | null;
}
