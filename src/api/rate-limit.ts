import type { Response } from 'express';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import type { RedisClientType } from 'redis';
import { ConclaveError } from '../contract/errors';

const windowSeconds = 60;

/** Requests a minute for each tenant and bundle, shared through Redis where there is one. */
export class RateLimit {
  readonly #limiters = new Map<number, RateLimiterAbstract>();

  constructor(private readonly redis: RedisClientType | null) {}

  /** @throws ConclaveError RATE_LIMITED */
  async consume(key: string, perMinute: number, response: Response): Promise<void> {
    try {
      this.#announce(response, perMinute, await this.#limiter(perMinute).consume(key));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      this.#announce(response, perMinute, refusal);
      throw new ConclaveError('RATE_LIMITED', 'the tenant has used up its requests of this minute', {
        retryAfterSeconds: Math.max(1, Math.ceil(refusal.msBeforeNext / 1000)),
      });
    }
  }

  #limiter(perMinute: number): RateLimiterAbstract {
    let limiter = this.#limiters.get(perMinute);
    if (!limiter) {
      const options = { points: perMinute, duration: windowSeconds, keyPrefix: `conclave:rate:${perMinute}` };
      const insurance = new RateLimiterMemory(options);
      limiter = this.redis
        ? new RateLimiterRedis({
            ...options,
            storeClient: this.redis,
            useRedisPackage: true,
            insuranceLimiter: insurance,
          })
        : insurance;
      this.#limiters.set(perMinute, limiter);
    }
    return limiter;
  }

  #announce(response: Response, limit: number, state: RateLimiterRes): void {
    const values = {
      Limit: limit,
      Remaining: Math.max(0, state.remainingPoints),
      Reset: Math.ceil(state.msBeforeNext / 1000),
    };
    for (const [name, value] of Object.entries(values)) {
      response.set(`RateLimit-${name}`, String(value));
      response.set(`X-RateLimit-${name}`, String(value));
    }
  }
}
