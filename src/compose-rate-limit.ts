import { RateLimit } from './api/rate-limit';
import type { Counting } from './compose-metrics';
import type { Settings } from './contract/config';
import { CountsInMemory } from './store/rate-counts';
import { CountsInRedis } from './store/rate-counts-in-redis';
import type { SharedRedis } from './store/redis';
import { UnderWayInMemory } from './store/under-way';
import { UnderWayInRedis } from './store/under-way-in-redis';

interface RateLimitParts {
  readonly settings: Settings;
  readonly redis: SharedRedis | null;
  readonly limited: Counting['limited'];
}

/** What a busy machine may add to the time in which an answer must leave. */
const marginMs = 30_000;

/** Limits that all replicas share where there is a Redis; else each has its own. */
export function composeRateLimit({ settings, redis, limited }: RateLimitParts): RateLimit {
  const { sync_request_sla_ms: sla, priority_sla_overrides: slas } = settings.orchestration;
  const longestMs = Math.max(sla, slas.low, slas.critical, settings.facades.answer_within_ms) + marginMs;
  const counts = new CountsInMemory();
  const underWay = new UnderWayInMemory();
  return new RateLimit({
    counts: redis ? new CountsInRedis(redis, counts) : counts,
    underWay: redis ? new UnderWayInRedis(redis, underWay, longestMs) : underWay,
    perMinute: settings.orchestration.default_rate_limit_per_minute,
    counted: limited,
  });
}
