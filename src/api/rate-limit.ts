import type { Response } from 'express';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import { ConclaveError } from '../contract/errors';
import type { Limited } from '../contract/service-metrics';
import type { SharedRedis } from '../store/redis';
import { RedisAwayError } from '../store/redis-guard';

const windowSeconds = 60;

interface Count {
  readonly isAllowed: boolean;
  readonly state: RateLimiterRes;
}

interface Limiters {
  readonly shared: RateLimiterAbstract | null;
  readonly own: RateLimiterAbstract;
}

/** Requests a minute for each tenant and bundle, shared through Redis where there is one. */
export class RateLimit {
  readonly #limiters = new Map<number, Limiters>();

  /** @param counted told of every call */
  constructor(
    private readonly redis: SharedRedis | null,
    private readonly counted: (
      limited: Limited,
      isAllowed: boolean,
      resetSeconds: number,
      requests: number,
    ) => void = () => undefined,
  ) {}

  /**
   * @param requests how many the call counts for
   * @throws ConclaveError RATE_LIMITED
   */
  async consume(limited: Limited, perMinute: number, response: Response, requests = 1): Promise<void> {
    const { isAllowed, state } = await this.#count(keyOf(limited), perMinute, requests);
    this.#announce(response, perMinute, state);
    this.counted(limited, isAllowed, Math.ceil(state.msBeforeNext / 1000), requests);
    if (isAllowed) return;
    throw new ConclaveError('RATE_LIMITED', 'the tenant has used up its requests of this minute', {
      retryAfterSeconds: Math.max(1, Math.ceil(state.msBeforeNext / 1000)),
    });
  }

  /** Limits of its own stand in while Redis is away. */
  async #count(key: string, perMinute: number, requests: number): Promise<Count> {
    const { shared, own } = this.#limitersOf(perMinute);
    if (shared === null || this.redis === null) return countOf(own.consume(key, requests));
    try {
      return await this.redis.guard.ask('rate_limit', () => countOf(shared.consume(key, requests)));
    } catch (error) {
      if (!(error instanceof RedisAwayError)) throw error;
      return countOf(own.consume(key, requests));
    }
  }

  #limitersOf(perMinute: number): Limiters {
    let limiters = this.#limiters.get(perMinute);
    if (!limiters) {
      const options = { points: perMinute, duration: windowSeconds, keyPrefix: `conclave:rate:${perMinute}` };
      const redis = this.redis && { storeClient: this.redis.client, useRedisPackage: true };
      limiters = {
        shared: redis && new RateLimiterRedis({ ...options, ...redis }),
        own: new RateLimiterMemory(options),
      };
      this.#limiters.set(perMinute, limiters);
    }
    return limiters;
  }

  #announce(response: Response, limit: number, state: RateLimiterRes): void {
    const remaining = Math.max(0, state.remainingPoints);
    const reset = Math.ceil(state.msBeforeNext / 1000);
    for (const prefix of ['RateLimit', 'X-RateLimit']) {
      response.setHeader(`${prefix}-Limit`, limit);
      response.setHeader(`${prefix}-Remaining`, remaining);
      response.setHeader(`${prefix}-Reset`, reset);
    }
  }
}

/** A bundle has one limit, wherever it is asked for; no bundle's name is empty. */
function keyOf({ endpoint, tenantId, bundle }: Limited): string {
  return bundle === null ? `${tenantId}//${endpoint}` : `${tenantId}/${bundle}`;
}

/** A refusal is an answer, not a failure. */
function countOf(consumed: Promise<RateLimiterRes>): Promise<Count> {
  return consumed.then(
    (state) => ({ isAllowed: true, state }),
    (refusal: unknown) => {
      if (refusal instanceof RateLimiterRes) return { isAllowed: false, state: refusal };
      throw refusal;
    },
  );
}
