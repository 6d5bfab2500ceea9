import type { KeyedChanges } from './api/once';
import { RateLimit } from './api/rate-limit';
import type { Counting } from './compose-metrics';
import type { PausePoint } from './config/pause-point';
import type { Settings } from './contract/config';
import type { LiveTenants } from './security/live-tenants';
import type { Db } from './store/database';
import { KeptAnswers } from './store/kept-answers';
import type { KeyRing } from './store/key-ring';
import { CountsInMemory } from './store/rate-counts';
import { CountsInRedis } from './store/rate-counts-in-redis';
import type { SharedRedis } from './store/redis';
import { UnderWayInMemory } from './store/under-way';
import { UnderWayInRedis } from './store/under-way-in-redis';

interface LimitParts extends Pick<Counting, 'limited' | 'keyUsed'> {
  readonly settings: Settings;
  readonly tenants: Pick<LiveTenants, 'quotaOf'>;
  readonly redis: SharedRedis | null;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly retention: { readonly answerRetentionMs: number };
  readonly pause: PausePoint;
}

/** What a busy machine may add to the time in which an answer must leave. */
const marginMs = 30_000;

/** Changes under a key that are made at a time; they leave at least half of the connections to others. */
const mostChanges = 4;

/** Limits that all replicas share where there is a Redis, else each has its own; and changes that are made once under a key. */
export function composeLimits(parts: LimitParts): {
  readonly rateLimit: RateLimit;
  readonly keyedChanges: KeyedChanges;
} {
  const { settings, db, keys, retention, keyUsed, pause } = parts;
  const atATime = Math.min(mostChanges, Math.floor(settings.database.pool_size / 2));
  return {
    rateLimit: rateLimitOf(parts),
    keyedChanges: {
      answers: new KeptAnswers(db, keys, retention.answerRetentionMs, atATime, pause),
      keyUsed: (tenantId, outcome) => keyUsed({ tenant_id: tenantId, policy_bundle: null }, outcome),
    },
  };
}

function rateLimitOf({ settings, tenants, redis, limited }: LimitParts): RateLimit {
  const { sync_request_sla_ms: sla, priority_sla_overrides: slas } = settings.orchestration;
  const longestMs = Math.max(sla, slas.low, slas.critical, settings.facades.answer_within_ms) + marginMs;
  const counts = new CountsInMemory();
  const underWay = new UnderWayInMemory();
  return new RateLimit({
    counts: redis ? new CountsInRedis(redis, counts) : counts,
    underWay: redis ? new UnderWayInRedis(redis, underWay, longestMs) : underWay,
    concurrencyOf: (tenantId) => tenants.quotaOf(tenantId, 'concurrent_requests'),
    perMinute: settings.orchestration.default_rate_limit_per_minute,
    counted: limited,
  });
}
