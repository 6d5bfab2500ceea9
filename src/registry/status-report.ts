import { type BreakerState, breakerStates } from '../contract/breaker';
import type { DetectorUse } from '../contract/detector-use';
import type { StatusResponse } from '../contract/status-api';
import { type Upstream, upstreamStatuses, type UpstreamStatus } from '../contract/upstream';
import { figuresOf, recommendationsFor, trendOf } from '../domain/detector-trend';
import { isWithin, ownerOf, type Sight } from '../domain/registry';
import type { Breakers } from './breakers';
import type { ConfigSource } from './config-source';
import type { UpstreamDirectory } from './directory';
import type { HealthMonitor } from './health-monitor';

export interface StatusReportDependencies {
  readonly directory: Pick<UpstreamDirectory, 'upstreams'>;
  readonly health: Pick<HealthMonitor, 'healthOf' | 'isHealthy'>;
  readonly breakers: Pick<Breakers, 'stateOf'>;
  readonly config: Pick<ConfigSource, 'status'>;
  /** How detectors did in the last so many hours, in all processes. */
  readonly uses: (hours: number) => Promise<readonly DetectorUse[]>;
}

const hourMs = 3_600_000;
const dayHours = 24;
type Components = StatusResponse['components'];
type Detector = StatusResponse['detectors'][number];

/** What there is to say about the upstreams of an installation, and what to do about them (GET /status). */
export class StatusReport {
  constructor(private readonly deps: StatusReportDependencies) {}

  async of(sight: Sight): Promise<{
    readonly registry: Components['registry'];
    readonly circuit_breakers: Components['circuit_breakers'];
    readonly detectors: Detector[];
    readonly recommendations: string[];
  }> {
    // What the store cannot tell now leaves the rest as it is.
    const [hour, day] = await Promise.all(
      [1, dayHours].map((hours) => this.deps.uses(hours).catch(() => null)),
    );
    const upstreams = this.deps.directory.upstreams.filter((upstream) => isWithin(ownerOf(upstream), sight));
    const detectors = upstreams
      .filter(({ detector }) => detector !== null)
      .map((upstream) => this.#describe(upstream, hour!, day!));
    return {
      registry: this.#registry(upstreams),
      circuit_breakers: counted(
        breakerStates,
        upstreams.map((upstream) => this.#breakerOf(upstream)),
      ),
      detectors,
      recommendations: [
        ...this.#aboutRegistry(),
        ...detectors.flatMap(({ endpoint_id, recommendations }) =>
          recommendations.map((one) => `${endpoint_id}: ${one}`),
        ),
      ],
    };
  }

  #registry(upstreams: readonly Upstream[]): Components['registry'] {
    const { version, loaded, watching, lastReload, lastReloadError } = this.deps.config.status;
    return {
      version,
      loaded,
      watching,
      last_reload: lastReload?.toISOString() ?? null,
      last_reload_error: lastReloadError,
      endpoints: counted(
        upstreamStatuses,
        upstreams.map((upstream) => this.#statusOf(upstream)),
      ),
    };
  }

  #aboutRegistry(): string[] {
    const { lastReloadError } = this.deps.config.status;
    return lastReloadError === null ? [] : [`the registry file is not applied: ${lastReloadError}`];
  }

  #describe(
    upstream: Upstream,
    hourUses: readonly DetectorUse[] | null,
    dayUses: readonly DetectorUse[] | null,
  ): Detector {
    const { endpoint_id: endpointId, status } = upstream;
    const { name, version, timeout_ms: timeoutMs, tenant_id: owner = null } = upstream.detector!;
    const isIt = (use: DetectorUse): boolean => use.detector === name && use.owner === owner;
    const used = dayUses?.find(isIt);
    const hour = figuresOf(hourUses?.find(isIt));
    const day = figuresOf(used);
    const hours = used ? Math.min(dayHours, (Date.now() - used.since) / hourMs) : 0;
    const trend = trendOf(hour, day, hours);
    const breaker = this.#breakerOf(upstream);
    const situation = {
      endpointId,
      isActive: status === 'active',
      isHealthy: this.deps.health.isHealthy(endpointId),
      breaker,
      timeoutMs,
      hour,
      day,
      trend,
    };
    return {
      endpoint_id: endpointId,
      name,
      version,
      status: this.#statusOf(upstream),
      health_status: this.deps.health.healthOf(endpointId).status,
      circuit_breaker_state: breaker,
      last_hour: hourUses && hour,
      last_24_hours: dayUses && day,
      trend,
      recommendations: recommendationsFor(situation),
    };
  }

  #statusOf({ endpoint_id, status }: Upstream): UpstreamStatus {
    const isUnhealthy = status === 'active' && this.deps.health.healthOf(endpoint_id).status === 'unhealthy';
    return isUnhealthy ? 'unhealthy' : status;
  }

  #breakerOf({ endpoint_id }: Upstream): BreakerState {
    return this.deps.breakers.stateOf(endpoint_id);
  }
}

function counted<T extends string>(all: readonly T[], values: readonly T[]): Record<T, number> {
  return Object.fromEntries(
    all.map((one) => [one, values.filter((value) => value === one).length]),
  ) as Record<T, number>;
}
