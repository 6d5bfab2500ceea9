import type { ConversionTrigger, IdempotencyOutcome, Limited, RedisUser } from '../contract/service-metrics';
import type { LatestGauge, Metrics } from './metrics';

const mapperBuckets = [5, 10, 25, 50, 100, 200, 300, 400, 500];
const unknown = 'unknown';

/** Whether a tenant is there, and the bundle if one is named: names that a caller makes up are no labels. */
export type IsTenant = (tenantId: string, bundle: string | null) => boolean;

/** Series of what stands around an orchestration (spec/orchestration.md 8, supporting groups). */
export class ServiceMetrics {
  readonly #mapperDuration;
  readonly #conversions;
  readonly #idempotency;
  readonly #limited;
  readonly #limitReset: LatestGauge<'endpoint' | 'tenant'>;
  readonly #redisFallbacks;

  constructor(
    metrics: Metrics,
    private readonly isTenant: IsTenant,
  ) {
    this.#mapperDuration = metrics.histogram(
      'orchestrator_mapper_duration_ms',
      'Of a mapping, its repetition included',
      [],
      mapperBuckets,
    );
    this.#conversions = metrics.counter(
      'orchestrator_sync_conversions_total',
      'Sync requests that became jobs',
      ['tenant', 'trigger'],
    );
    this.#idempotency = metrics.counter('orchestrator_idempotency_total', 'Requests with a key', [
      'tenant',
      'outcome',
    ]);
    this.#limited = metrics.counter('orchestrator_rate_limit_requests_total', 'Requests that were counted', [
      'endpoint',
      'tenant',
      'action',
    ]);
    this.#limitReset = metrics.latest(
      'orchestrator_rate_limit_reset_seconds',
      'Until the limit that was met last has room again',
      ['endpoint', 'tenant'],
    );
    this.#redisFallbacks = metrics.counter(
      'orchestrator_redis_backend_fallback_total',
      'Uses of Redis that went without it',
      ['component'],
    );
    metrics.derived(
      'orchestrator_cache_hit_ratio',
      'Hits among the look-ups of all processes',
      ['cache_type'],
      (sumOf) => {
        const hits = sumOf('cache_operations_total', { operation: 'get', result: 'hit' });
        const all = sumOf('cache_operations_total', { operation: 'get' });
        return all === 0 ? [] : [[{ cache_type: 'response' }, hits / all]];
      },
    );
  }

  /** A tenant that has a plan is there. */
  converted(tenant: string, trigger: ConversionTrigger): void {
    this.#conversions.inc({ tenant, trigger });
  }

  mapperTook(ms: number): void {
    this.#mapperDuration.observe(ms);
  }

  keyUsed(
    request: { readonly tenant_id: string; readonly policy_bundle: string | null },
    outcome: IdempotencyOutcome,
  ): void {
    this.#idempotency.inc({ tenant: this.#label(request.tenant_id, request.policy_bundle), outcome });
  }

  limited(
    { endpoint, tenantId, bundle }: Limited,
    isAllowed: boolean,
    resetSeconds: number,
    requests: number,
  ): void {
    const tenant = this.#label(tenantId, bundle);
    this.#limited.inc({ endpoint, tenant, action: isAllowed ? 'allowed' : 'limited' }, requests);
    this.#limitReset.set({ endpoint, tenant }, resetSeconds);
  }

  wentWithoutRedis(component: RedisUser): void {
    this.#redisFallbacks.inc({ component });
  }

  #label(tenantId: string, bundle: string | null): string {
    return this.isTenant(tenantId, bundle) ? tenantId : unknown;
  }
}
