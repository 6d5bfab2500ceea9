import type { RequestHandler, Response } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { MapperError } from './errors';
import type { MapperMetrics } from './metrics';
import { localsOf } from './request-identity';

export type EndpointClass = 'map' | 'map_batch' | 'manage';

const windowSeconds = 60;

export interface RateLimitOptions {
  /** Requests, or batch items, a minute, endpoint class and tenant. */
  readonly perTenant: number;
  /** The same for callers that name no tenant, by client address. */
  readonly perAddress: number;
}

/** Limits per endpoint class and caller (spec/mapper.md 7), in process; the orchestrator's service key is exempt. */
export class RateLimits {
  private readonly byTenant: RateLimiterMemory;
  private readonly byAddress: RateLimiterMemory;

  constructor(
    private readonly options: RateLimitOptions,
    private readonly metrics: MapperMetrics,
  ) {
    this.byTenant = new RateLimiterMemory({ points: options.perTenant, duration: windowSeconds });
    this.byAddress = new RateLimiterMemory({ points: options.perAddress, duration: windowSeconds });
  }

  limit(endpoint: EndpointClass): RequestHandler {
    return async (_request, response, next) => {
      await this.charge(endpoint, response, 1);
      next();
    };
  }

  /** @throws MapperError RATE_LIMITED when the caller has fewer than `points` left in its window */
  async charge(endpoint: EndpointClass, response: Response, points: number): Promise<void> {
    const { tenant, trusted } = localsOf(response);
    if (trusted) {
      this.metrics.rateLimit.inc({ endpoint, identity_kind: 'service', action: 'exempt' });
      return;
    }
    const kind = tenant === undefined ? 'address' : 'tenant';
    const limiter = kind === 'tenant' ? this.byTenant : this.byAddress;
    const limit = kind === 'tenant' ? this.options.perTenant : this.options.perAddress;
    const identity = tenant ?? response.req.socket.remoteAddress ?? '';
    try {
      announce(response, limit, await limiter.consume(`${endpoint}:${identity}`, points));
      this.metrics.rateLimit.inc({ endpoint, identity_kind: kind, action: 'allowed' });
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      announce(response, limit, refusal);
      response.set('Retry-After', String(secondsUntilReset(refusal)));
      this.metrics.rateLimit.inc({ endpoint, identity_kind: kind, action: 'refused' });
      throw new MapperError('RATE_LIMITED', 'Too many requests; see Retry-After.');
    }
  }
}

function announce(response: Response, limit: number, state: RateLimiterRes): void {
  for (const prefix of ['RateLimit', 'X-RateLimit']) {
    response.set(`${prefix}-Limit`, `${limit};w=${windowSeconds}`);
    response.set(`${prefix}-Remaining`, String(state.remainingPoints));
    response.set(`${prefix}-Reset`, String(secondsUntilReset(state)));
  }
}

function secondsUntilReset({ msBeforeNext }: RateLimiterRes): number {
  return Math.ceil(msBeforeNext / 1000);
}
