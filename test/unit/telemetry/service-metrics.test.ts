import type { DependencyState } from '../../../src/contract/health';
import { OrchestrationMetrics } from '../../../src/telemetry/orchestration-metrics';
import { Metrics } from '../../../src/telemetry/metrics';
import { ServiceMetrics } from '../../../src/telemetry/service-metrics';
import { showRedis, showService } from '../../../src/telemetry/service-views';

const isAcme = (tenantId: string, bundle: string | null) =>
  tenantId === 'acme' && (bundle ?? 'default') === 'default';

describe('The series around orchestrations [10.1]', () => {
  let metrics: Metrics;
  let counts: ServiceMetrics;
  beforeEach(() => {
    metrics = new Metrics();
    counts = new ServiceMetrics(metrics, isAcme);
  });
  const lines = async () =>
    (await metrics.page())
      .split('\n')
      .filter((line) => line.startsWith('orchestrator_') && !line.endsWith(' 0'));

  it('count conversions by what brought them about, and mappings by their time', async () => {
    counts.converted('acme', 'projected');
    counts.converted('acme', 'elapsed');
    counts.mapperTook(42);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'orchestrator_sync_conversions_total{tenant="acme",trigger="projected"} 1',
        'orchestrator_sync_conversions_total{tenant="acme",trigger="elapsed"} 1',
        'orchestrator_mapper_duration_ms_bucket{le="50"} 1',
        'orchestrator_mapper_duration_ms_count 1',
      ]),
    );
  });

  it('name no tenant that a caller makes up', async () => {
    counts.keyUsed({ tenant_id: 'acme', policy_bundle: 'default' }, 'new');
    counts.keyUsed({ tenant_id: 'acme', policy_bundle: 'made-up' }, 'conflict');
    counts.limited({ endpoint: 'batch', tenantId: 'acme', bundle: 'default' }, true, 30, 7);
    counts.limited({ endpoint: 'content', tenantId: 'acme', bundle: null }, false, 12, 1);
    counts.limited({ endpoint: 'bulk', tenantId: 'made-up', bundle: null }, true, 60, 1);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'orchestrator_idempotency_total{tenant="acme",outcome="new"} 1',
        'orchestrator_idempotency_total{tenant="unknown",outcome="conflict"} 1',
        'orchestrator_rate_limit_requests_total{endpoint="batch",tenant="acme",action="allowed"} 7',
        'orchestrator_rate_limit_requests_total{endpoint="content",tenant="acme",action="limited"} 1',
        'orchestrator_rate_limit_requests_total{endpoint="bulk",tenant="unknown",action="allowed"} 1',
        'orchestrator_rate_limit_reset_seconds{endpoint="content",tenant="acme"} 12',
      ]),
    );
    expect((await lines()).join()).not.toContain('made-up');
  });

  it('have a hit ratio of all processes together, and none before anything was looked up', async () => {
    const other = new Metrics();
    const here = new OrchestrationMetrics(metrics, isAcme);
    const there = new OrchestrationMetrics(other, isAcme);
    const ratio = async () =>
      (await metrics.page([await other.figures()]))
        .split('\n')
        .filter((line) => line.startsWith('orchestrator_cache_hit_ratio'));
    expect(await ratio()).toEqual([]);
    here.cacheUsed('get', 'miss', 'acme');
    here.cacheUsed('set', 'hit', 'acme');
    for (let hit = 0; hit < 3; hit++) there.cacheUsed('get', 'hit', 'acme');
    expect(await ratio()).toEqual(['orchestrator_cache_hit_ratio{cache_type="response"} 0.75']);
  });

  it('tell who goes without Redis, and whether it is asked', async () => {
    const guard = { isAway: false };
    showRedis(metrics, guard);
    counts.wentWithoutRedis('rate_limit');
    expect(await lines()).toEqual([
      'orchestrator_redis_backend_fallback_total{component="rate_limit"} 1',
      'orchestrator_redis_backend_up{component="rate_limit"} 1',
      'orchestrator_redis_backend_up{component="response_cache"} 1',
    ]);
    guard.isAway = true;
    expect((await metrics.page()).split('\n')).toContain(
      'orchestrator_redis_backend_up{component="response_cache"} 0',
    );
  });

  it('show how the service stands; what the store cannot tell costs no other line', async () => {
    const states: Record<
      'workflow_engine' | 'store' | 'cache' | 'policy_engine' | 'mapper',
      DependencyState
    > = {
      workflow_engine: 'connected',
      store: 'connected',
      cache: 'not_configured',
      policy_engine: 'error',
      mapper: 'disconnected',
    };
    let jobs = () => Promise.resolve({ open: 5, waiting: 2 });
    const shown = new Metrics();
    showService(metrics, { ready: async () => true, dependencies: async () => states, jobs: () => jobs() });
    expect(await lines()).toEqual([
      'orchestrator_ready 1',
      'orchestrator_service_dependencies_up{dependency="workflow_engine"} 1',
      'orchestrator_service_dependencies_up{dependency="store"} 1',
      'orchestrator_async_jobs_active 3',
      'orchestrator_async_jobs_queued 2',
    ]);
    expect((await metrics.page()).match(/^orchestrator_service_dependencies_up.* 0$/gm)).toEqual([
      'orchestrator_service_dependencies_up{dependency="policy_engine"} 0',
      'orchestrator_service_dependencies_up{dependency="mapper"} 0',
    ]);
    jobs = () => Promise.reject(new Error('the store is away'));
    showService(shown, { ready: async () => false, dependencies: async () => states, jobs });
    const page = await shown.page();
    expect(page).toContain('orchestrator_ready 0');
    expect(page).not.toMatch(/^orchestrator_async_jobs/m);
  });
});
