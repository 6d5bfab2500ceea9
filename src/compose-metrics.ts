import { noCounts } from './domain/breaker';
import { nameInId } from './domain/registry';
import type { LoggedDecision } from './contract/decision-log';
import type { OrchestrationEnd } from './contract/orchestration-end';
import type { RedisUser } from './contract/service-metrics';
import type { Upstream } from './contract/upstream';
import type { Breakers } from './registry/breakers';
import type { ConfigSource } from './registry/config-source';
import type { HealthMonitor } from './registry/health-monitor';
import type { LiveRegistry } from './registry/live-registry';
import type { CacheTarget } from './store/cache-generations';
import type { Db } from './store/database';
import { DetectorUseTable } from './store/detector-uses';
import { ProcessFigures } from './store/process-figures';
import type { CacheAsked } from './store/response-cache';
import { AccessMetrics } from './telemetry/access-metrics';
import { DetectorUses } from './telemetry/detector-use';
import { withoutNamesakes } from './telemetry/endpoint-label';
import { FigureSharing } from './telemetry/figure-sharing';
import { GatewayMetrics } from './telemetry/gateway-metrics';
import { type Figures, Metrics, sumOf } from './telemetry/metrics';
import { type IsKnown, OrchestrationMetrics } from './telemetry/orchestration-metrics';
import { PolicyMetrics } from './telemetry/policy-metrics';
import { ServiceMetrics } from './telemetry/service-metrics';
import { type ServiceViews, showRedis, showService } from './telemetry/service-views';
import { UpstreamMetrics } from './telemetry/upstream-metrics';
import { type SeenUpstream, showUpstreams } from './telemetry/upstream-views';

interface Parts {
  readonly db: Db;
  readonly registry: LiveRegistry;
  readonly config: ConfigSource;
  readonly health: HealthMonitor;
  readonly breakers: Breakers;
}

export type Counting = ReturnType<typeof composeMetrics>;

/** The part of the composition root that counts. It counts from the beginning; what is there to be seen, when it is there. */
export function composeMetrics(isKnown: IsKnown, isTenant: (tenantId: string) => boolean) {
  const metrics = new Metrics();
  const gatewayMetrics = new GatewayMetrics(metrics);
  const upstreamMetrics = new UpstreamMetrics(metrics);
  const orchestrationMetrics = new OrchestrationMetrics(metrics, isKnown);
  const policyMetrics = new PolicyMetrics(metrics);
  const accessMetrics = new AccessMetrics(metrics);
  const serviceMetrics = new ServiceMetrics(metrics, (tenantId, bundle) =>
    bundle === null ? isTenant(tenantId) : isKnown(tenantId, bundle),
  );
  let ownerOf = (_tenantId: string, _detector: string): string | null => null;
  const uses = new DetectorUses((...detector) => ownerOf(...detector));
  let sharing: FigureSharing | null = null;
  let table: DetectorUseTable | null = null;
  return {
    contentType: metrics.contentType,
    gatewayMetrics,
    upstreamMetrics,
    accessMetrics,
    ended: (end: OrchestrationEnd): void => {
      orchestrationMetrics.ended(end);
      uses.ended(end);
    },
    refused: ((...refused) => orchestrationMetrics.refused(...refused)) as OrchestrationMetrics['refused'],
    decided: (decision: LoggedDecision) => policyMetrics.decided(decision),
    shadowed: ((...shadowed) => policyMetrics.shadowed(...shadowed)) as PolicyMetrics['shadowed'],
    judged: ((...judged) => orchestrationMetrics.judged(...judged)) as OrchestrationMetrics['judged'],
    converted: ((...converted) => serviceMetrics.converted(...converted)) as ServiceMetrics['converted'],
    keyUsed: ((...used) => serviceMetrics.keyUsed(...used)) as ServiceMetrics['keyUsed'],
    limited: ((...limited) => serviceMetrics.limited(...limited)) as ServiceMetrics['limited'],
    mapperTook: (ms: number) => serviceMetrics.mapperTook(ms),
    wentWithoutRedis: (user: RedisUser) => serviceMetrics.wentWithoutRedis(user),
    showRedis: (guard: Parameters<typeof showRedis>[1]) => showRedis(metrics, guard),
    showService: (views: ServiceViews) => showService(metrics, views),
    calledBack: ((...called) =>
      orchestrationMetrics.calledBack(...called)) as OrchestrationMetrics['calledBack'],
    notified: ((...notified) =>
      orchestrationMetrics.notified(...notified)) as OrchestrationMetrics['notified'],
    cacheUsed: ((...used) => orchestrationMetrics.cacheUsed(...used)) as CacheAsked,
    invalidated: (target: CacheTarget) =>
      orchestrationMetrics.cacheUsed('invalidate', 'hit', 'tenantId' in target ? target.tenantId : 'all'),
    start({ db, registry, config, health, breakers }: Parts): void {
      showUpstreams(metrics, {
        upstreams: oncePerScrape(() => registry.upstreams.map((one) => seen(one, health, breakers))),
        configVersion: () => config.status.version,
      });
      ownerOf = (tenantId, name) =>
        registry.visibleTo(tenantId).find((detector) => detector.name === name)?.tenant_id ?? null;
      registry.onChange(({ removed }) => {
        const left = registry.upstreams;
        const names = new Set(left.map(({ detector }) => detector?.name));
        const detectors = removed.map(nameInId).filter((name) => !names.has(name));
        const endpointIds = withoutNamesakes(
          removed,
          left.map(({ endpoint_id }) => endpoint_id),
        );
        void gatewayMetrics.forget(endpointIds);
        void upstreamMetrics.forget(endpointIds, detectors);
        void orchestrationMetrics.forget(detectors);
      });
      const own = (table = new DetectorUseTable(db));
      const figures = new ProcessFigures<Figures>(db, sumOf);
      sharing = new FigureSharing(metrics, figures, () => keep(uses, own));
      sharing.start();
    },
    uses: (hours: number) => table?.ofLast(hours) ?? Promise.resolve([]),
    page: () => sharing?.page() ?? metrics.page(),
    stop: async () => sharing?.stop(),
  };
}

async function keep(uses: DetectorUses, table: DetectorUseTable): Promise<void> {
  const taken = uses.take();
  if (taken.length === 0) return;
  try {
    await table.add(taken);
  } catch (error) {
    uses.giveBack(taken);
    throw error;
  }
  await table.removeOld();
}

/** All series of one scrape are read in one turn of the event loop. */
function oncePerScrape<T>(read: () => T): () => T {
  let value: { readonly now: T } | null = null;
  return () => {
    if (!value) {
      value = { now: read() };
      queueMicrotask(() => (value = null));
    }
    return value.now;
  };
}

function seen(upstream: Upstream, health: HealthMonitor, breakers: Breakers): SeenUpstream {
  const { endpoint_id: endpointId, config, detector, status } = upstream;
  const breaker = breakers.describe(endpointId);
  const isUnhealthy = status === 'active' && health.healthOf(endpointId).status === 'unhealthy';
  return {
    endpointId,
    kind: config.kind,
    status: isUnhealthy ? 'unhealthy' : status,
    detector: detector?.name ?? null,
    isUp: status === 'active' && health.isHealthy(endpointId),
    breaker: breaker?.state ?? 'closed',
    counts: breaker?.counts ?? noCounts,
    stateChangedAt: breaker?.stateChangedAt ?? null,
  };
}
