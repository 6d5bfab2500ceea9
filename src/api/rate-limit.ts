import type { NextFunction, Request, Response } from 'express';
import { ConclaveError, GatewayError } from '../contract/errors';
import type { Limited } from '../contract/service-metrics';
import type { Standing } from '../store/sliding-window';
import type { Charge, RateCounts } from '../store/rate-counts';
import type { End, UnderWay } from '../store/under-way';
import { isGatewayPath } from './gate';
import { identityOf } from './principal';
import { tenantOf } from './tenant-header';

/** Requests that one limit of a tenant counts. */
export interface Counted {
  readonly limited: Limited;
  readonly perMinute: number;
  /** Default: one. */
  readonly requests?: number;
}

export interface RateLimitDependencies {
  readonly counts: RateCounts;
  readonly underWay: UnderWay;
  /** Requests that a tenant may have under way; null: any number. */
  readonly concurrencyOf?: (tenantId: string) => number | null;
  /** Of a credential that has no limit of its own. */
  readonly perMinute: number;
  /** Told of every call that was counted, or refused. */
  readonly counted?: (limited: Limited, isAllowed: boolean, resetSeconds: number, requests: number) => void;
}

const nothingToEnd: End = () => undefined;

/** The limit of which least is left, or that refuses longest. */
interface Tightest {
  readonly perMinute: number;
  readonly standing: Standing;
}

/** Requests a minute, as a sliding window: of each tenant and bundle, and of each credential; all apply at once. */
export class RateLimit {
  constructor(private readonly deps: RateLimitDependencies) {}

  /**
   * Counts a call under limits of its tenant, and all of it under that of its credential.
   * @throws ConclaveError or GatewayError RATE_LIMITED; then it is counted nowhere
   */
  async consume(response: Response, ...counted: readonly Counted[]): Promise<void> {
    response.locals['owes'] = false;
    const requests = Math.max(
      1,
      counted.reduce((sum, one) => sum + (one.requests ?? 1), 0),
    );
    const charges = counted.map(chargeOf);
    const credential = this.#credentialsCharge(response, requests);
    if (credential) charges.push(credential);
    const tightest = await this.#charge(response, charges);
    for (const { limited, requests: some = 1 } of counted) this.#note(limited, tightest, some);
    if (tightest) refuseOver(response, tightest);
  }

  /**
   * As {@link consume}, for what takes its time: never more at once than the tenant's quota. Both are asked at the same
   * time, so a call that finds no room counts against the rate all the same.
   * @returns what to call when the work is done, also when its caller has left before
   * @throws as {@link consume}, with detail `too_many_concurrent_requests` for the quota
   */
  async admit(response: Response, ...counted: readonly [Counted, ...Counted[]]): Promise<End> {
    const { tenantId } = counted[0].limited;
    const most = this.deps.concurrencyOf?.(tenantId) ?? null;
    if (most === null) {
      await this.consume(response, ...counted);
      return nothingToEnd;
    }
    const [begun, consumed] = await Promise.allSettled([
      this.deps.underWay.begin(tenantId, most),
      this.consume(response, ...counted),
    ]);
    if (begun.status === 'rejected') throw begun.reason;
    if (consumed.status === 'rejected') {
      begun.value?.();
      throw consumed.reason;
    }
    if (begun.value) return begun.value;
    throw new ConclaveError('RATE_LIMITED', `the tenant may have ${most} requests under way at a time`, {
      detail: 'too_many_concurrent_requests',
      retryAfterSeconds: 1,
    });
  }

  /** Counts a call that falls under no limit of a tenant's. @throws as {@link consume} */
  async consumeOther(response: Response): Promise<void> {
    response.locals['owes'] = false;
    const credential = this.#credentialsCharge(response, 1);
    if (!credential) return;
    const tightest = await this.#charge(response, [credential]);
    const tenantId = tenantOf(response.req) ?? '';
    this.#note({ endpoint: 'other', tenantId, bundle: null }, tightest, 1);
    if (tightest) refuseOver(response, tightest);
  }

  async #charge(response: Response, charges: readonly Charge[]): Promise<Tightest | null> {
    const standings = await this.deps.counts.charge(charges);
    const tightest = charges
      .map(({ perMinute }, at): Tightest => ({ perMinute, standing: standings[at]! }))
      .reduce<Tightest | null>((one, other) => (one && isTighter(one, other) ? one : other), null);
    if (tightest) announce(response, tightest);
    return tightest;
  }

  /** Whoever need not say who they are have no limit but their tenants'. */
  #credentialsCharge({ req }: Response, requests: number): Charge | null {
    const { method, tenantId, tokenId, subject, perMinute } = identityOf(req);
    if (method === 'none') return null;
    const name = method === 'api_key' ? `key/${tokenId}` : `subject/${tenantId ?? ''}/${subject}`;
    return { name, perMinute: perMinute ?? this.deps.perMinute, requests };
  }

  #note(limited: Limited, tightest: Tightest | null, requests: number): void {
    if (!tightest) return;
    const { isAllowed, resetMs } = tightest.standing;
    this.deps.counted?.(limited, isAllowed, Math.ceil(resetMs / 1000), requests);
  }
}

export function rateLimitOf(request: Request): RateLimit {
  return request.app.locals['rateLimit'] as RateLimit;
}

/**
 * Counts what was refused before its handler could count it; whoever is over the limit learns that first. Not in a flood,
 * when the less is done for a call the better.
 */
export function countRefused(error: unknown, request: Request, response: Response, next: NextFunction): void {
  const owes =
    response.locals['owes'] === true && !(error instanceof ConclaveError && error.code === 'RATE_LIMITED');
  if (!owes) next(error);
  else
    rateLimitOf(request)
      .consumeOther(response)
      .then(() => next(error), next);
}

/** A bundle has one limit, wherever it is asked for; no bundle's name is empty. */
function chargeOf({ limited, perMinute, requests = 1 }: Counted): Charge {
  const { endpoint, tenantId, bundle } = limited;
  const name = bundle === null ? `tenant/${tenantId}//${endpoint}` : `tenant/${tenantId}/${bundle}`;
  return { name, perMinute, requests };
}

function isTighter({ standing: one }: Tightest, { standing: other }: Tightest): boolean {
  if (one.isAllowed !== other.isAllowed) return !one.isAllowed;
  return one.isAllowed ? one.remaining <= other.remaining : one.resetMs >= other.resetMs;
}

function announce(response: Response, { perMinute, standing }: Tightest): void {
  const reset = Math.ceil(standing.resetMs / 1000);
  for (const prefix of ['RateLimit', 'X-RateLimit']) {
    response.setHeader(`${prefix}-Limit`, perMinute);
    response.setHeader(`${prefix}-Remaining`, standing.remaining);
    response.setHeader(`${prefix}-Reset`, reset);
  }
}

function refuseOver({ req }: Response, { standing }: Tightest): void {
  if (standing.isAllowed) return;
  const message = 'too many requests in the last minute';
  const retryAfterSeconds = Math.max(1, Math.ceil(standing.resetMs / 1000));
  throw isGatewayPath(req)
    ? new GatewayError('RATE_LIMITED', message, { retryAfterSeconds })
    : new ConclaveError('RATE_LIMITED', message, { retryAfterSeconds });
}
