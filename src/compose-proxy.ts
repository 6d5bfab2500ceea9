import type { ProxyRouterDependencies } from './api/proxy-router';
import type { RoutesRouterDependencies } from './api/routes-router';
import { isOwnMachine } from './config/own-machine';
import type { Settings } from './contract/config';
import type { Outbound } from './outbound/outbound';
import { routing } from './proxy/match';
import { Proxy } from './proxy/proxy';
import type { Breakers } from './registry/breakers';
import type { UpstreamDirectory } from './registry/directory';
import type { HealthMonitor } from './registry/health-monitor';
import type { GatewayMetrics } from './telemetry/gateway-metrics';
import type { Logger } from './telemetry/logger';

/** The part of the composition root that passes requests on to upstreams. */
export function composeProxy(parts: {
  readonly settings: Settings;
  readonly directory: UpstreamDirectory & { refresh(): Promise<void> };
  readonly breakers: Breakers;
  readonly health: Pick<HealthMonitor, 'isHealthy'>;
  readonly outbound: Outbound;
  readonly tryOut: RoutesRouterDependencies['tryOut'];
  readonly gatewayMetrics: GatewayMetrics;
  readonly log: Logger;
}): { readonly proxy: ProxyRouterDependencies; readonly routes: RoutesRouterDependencies } {
  const { settings, directory, breakers, outbound, log } = parts;
  const health = { isUnhealthy: (endpointId: string) => !parts.health.isHealthy(endpointId) };
  const isRouted = routing({ detectors: settings.router.proxy_detectors });
  const proxy = new Proxy({
    directory,
    isRouted,
    breakers,
    health,
    outbound,
    maxConnectionsPerUpstream: settings.router.max_connections_per_host,
  });
  return {
    proxy: {
      proxy,
      directory,
      isRouted,
      metrics: parts.gatewayMetrics,
      log,
      corsOrigins: isOwnMachine(settings.service) ? '*' : settings.security.cors_origins,
    },
    routes: {
      directory,
      isRouted,
      health,
      breakers,
      tryOut: parts.tryOut,
      refusalOf: (url, allowPrivateNetwork) => outbound.refusalOf(url, allowPrivateNetwork),
      refresh: () => directory.refresh(),
    },
  };
}
