import type { AppDependencies } from './api/app';
import type { EndpointState } from './api/registry-router';
import { type composeRegistry, forgetAnswers, type RegistryParts } from './compose-registry';
import type { Upstream } from './contract/upstream';
import { tryCanary, trySample } from './detectors/canary';
import type { DetectorCaller } from './detectors/detector-caller';
import type { Outbound } from './outbound/outbound';
import { faultOf } from './detectors/reachability';
import type { Breakers } from './registry/breakers';
import type { HealthChecks } from './registry/health-checks';
import type { HealthMonitor } from './registry/health-monitor';
import { Registrar, type Verify } from './registry/registrar';
import { resolveBuiltin, upstreamOf } from './registry/upstream-of';
import type { LiveTenants } from './security/live-tenants';
import { whenCommitted } from './store/one-transaction';

interface ApiParts extends Pick<
  RegistryParts,
  'settings' | 'generations' | 'builtinUrl' | 'upstreamMetrics'
> {
  readonly tenants: Pick<LiveTenants, 'quotaOf'>;
  readonly caller: DetectorCaller;
  readonly outbound: Outbound;
  readonly health: HealthMonitor;
  readonly checks: HealthChecks;
  readonly breakers: Breakers;
}

/** The part of the composition root that lets clients read and change the registry. */
export function composeRegistryApi(
  { store, registry, config, versions, complete }: Awaited<ReturnType<typeof composeRegistry>>,
  parts: ApiParts,
): Pick<AppDependencies, 'detectors' | 'registry' | 'config'> {
  const { generations, caller, health, breakers } = parts;
  const registrar = new Registrar({
    store,
    refresh: () => whenCommitted(() => registry.refresh()),
    verify: verifying(parts),
    tenantSecrets: parts.settings.security.tenant_secrets,
    quotaOf: (tenantId) => parts.tenants.quotaOf(tenantId, 'detectors'),
    complete,
    unreachable: (endpointId, reason) => whenCommitted(() => parts.checks.condemn(endpointId, reason)),
    ended: (operation, outcome) => parts.upstreamMetrics.operated(operation, outcome),
    changed: (names) => forgetAnswers(generations, names),
  });
  return {
    detectors: {
      directory: registry,
      health,
      breakers,
      registrar,
      upstreamOf: (entry) => upstreamOf(entry, parts.builtinUrl),
      tryDetector: (detector, content) => {
        if (content === undefined) return tryCanary(caller, detector);
        return trySample(caller, detector, content, detector.capabilities.supported_content_types[0]!);
      },
    },
    registry: {
      directory: registry,
      stateOf: (upstream) => stateOf(upstream, health, breakers),
      registrar,
      config,
    },
    config: { config, versions },
  };
}

/** Of a detector that it is healthy and flags what it must; of anything else that it is there. */
function verifying({ caller, outbound, builtinUrl }: ApiParts): Verify {
  return async ({ detector, endpoint }) => {
    if (!detector) return faultOf(endpoint!, outbound);
    const resolved = resolveBuiltin(detector, builtinUrl);
    return (await faultOf(resolved, outbound)) ?? (await tryCanary(caller, resolved)).reason;
  };
}

function stateOf({ endpoint_id: id }: Upstream, health: HealthMonitor, breakers: Breakers): EndpointState {
  const known = health.healthOf(id);
  const lastFailure = breakers.describe(id)?.counts.last_failure_at ?? null;
  return {
    unhealthy: known.status === 'unhealthy',
    circuit_breaker_state: breakers.stateOf(id),
    last_health_check: known.lastCheck?.toISOString() ?? null,
    last_failure_time: lastFailure === null ? null : new Date(lastFailure).toISOString(),
    consecutive_failures: known.consecutiveFailures,
  };
}
