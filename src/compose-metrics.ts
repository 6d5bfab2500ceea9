import type { Breakers } from './registry/breakers';
import type { ConfigSource } from './registry/config-source';
import type { HealthMonitor } from './registry/health-monitor';
import type { LiveRegistry } from './registry/live-registry';
import { noCounts } from './domain/breaker';
import { nameInId } from './domain/registry';
import type { Upstream } from './contract/upstream';
import { GatewayMetrics } from './telemetry/gateway-metrics';
import { Metrics } from './telemetry/metrics';
import { UpstreamMetrics } from './telemetry/upstream-metrics';
import { type SeenUpstream, showUpstreams } from './telemetry/upstream-views';

/** The part of the composition root that counts. What is there to be seen is shown once it is there. */
export function composeMetrics() {
  const metrics = new Metrics();
  const gatewayMetrics = new GatewayMetrics(metrics);
  const upstreamMetrics = new UpstreamMetrics(metrics);
  return {
    metrics,
    gatewayMetrics,
    upstreamMetrics,
    show(parts: {
      readonly registry: LiveRegistry;
      readonly config: ConfigSource;
      readonly health: HealthMonitor;
      readonly breakers: Breakers;
    }): void {
      const { registry, config, health, breakers } = parts;
      showUpstreams(metrics, {
        upstreams: oncePerScrape(() => registry.upstreams.map((one) => seen(one, health, breakers))),
        configVersion: () => config.status.version,
      });
      registry.onChange(({ removed }) => {
        if (removed.length === 0) return;
        const left = new Set(registry.registrations.map(({ name }) => name));
        const detectors = removed.map(nameInId).filter((name) => !left.has(name));
        void Promise.all([gatewayMetrics.forget(removed), upstreamMetrics.forget(removed, detectors)]);
      });
    },
  };
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
