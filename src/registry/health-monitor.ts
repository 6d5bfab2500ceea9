import type { Health, StoredHealth } from '../contract/endpoint-health';
import type { HealthStatus } from '../contract/enums';
import type { Upstream } from '../contract/upstream';
import {
  byUrgency,
  type DueCheck,
  type HealthRules,
  type HealthSettings,
  initialHealth,
  isUsable,
  statusAt,
} from '../domain/health';
import type { Breakers } from './breakers';
import type { UpstreamDirectory } from './directory';

export interface EndpointHealth {
  readonly status: HealthStatus;
  readonly lastCheck: Date | null;
  readonly nextCheck: Date | null;
  /** Of the last check. */
  readonly responseTimeMs: number | null;
  readonly error: string | null;
  readonly consecutiveFailures: number;
  readonly consecutiveSuccesses: number;
}

/** The health of all upstreams as this process knows it; `HealthChecks` makes it known. Answers at once. */
export class HealthMonitor {
  readonly #stored = new Map<string, StoredHealth>();
  /** Of those that are about to move, or were: what is known of the other address. */
  readonly #elsewhere = new Map<string, StoredHealth>();

  constructor(
    private readonly directory: UpstreamDirectory,
    private readonly breakers: Pick<Breakers, 'wouldAdmit'>,
    private readonly constants: HealthSettings,
    private readonly now: () => number = Date.now,
  ) {
    directory.onChange(({ updated, removed }) => {
      for (const endpointId of removed) this.#stored.delete(endpointId);
      for (const endpointId of [...removed, ...updated]) {
        const isThere = this.#elsewhere.get(endpointId)?.url === directory.byId(endpointId)?.config.url;
        if (!isThere) this.#elsewhere.delete(endpointId);
      }
    });
  }

  /** Whether an active upstream may be called now (spec/orchestration.md 4.5). */
  isAvailable(endpointId: string): boolean {
    return this.isHealthy(endpointId) && this.breakers.wouldAdmit(endpointId);
  }

  /** One that is not registered any more may finish what was planned for it. */
  isHealthy(endpointId: string): boolean {
    const upstream = this.directory.byId(endpointId);
    return !upstream || isUsable(this.#of(upstream), this.now(), this.rulesOf(upstream));
  }

  healthOf(endpointId: string): EndpointHealth {
    const upstream = this.directory.byId(endpointId);
    const stored = upstream && this.#storedOf(upstream);
    const health = stored?.health ?? initialHealth;
    return {
      status: upstream ? statusAt(health, this.now(), this.rulesOf(upstream)) : 'unknown',
      lastCheck: health.last_probe_at === null ? null : new Date(health.last_probe_at),
      nextCheck: stored ? new Date(stored.next_check_at) : null,
      responseTimeMs: stored?.response_ms ?? null,
      error: stored?.error ?? null,
      consecutiveFailures: health.consecutive_failures,
      consecutiveSuccesses: health.consecutive_successes,
    };
  }

  /** Detectors that are asked. */
  get healthyCount(): number {
    return this.directory.upstreams.filter(
      ({ config, endpoint_id, status }) =>
        config.kind === 'detector' && status === 'active' && this.isHealthy(endpoint_id),
    ).length;
  }

  /** Checks that are due, the most urgent first. */
  due(): DueCheck[] {
    return this.directory.upstreams
      .filter((upstream) => isWatched(upstream))
      .map((upstream) => ({
        endpoint_id: upstream.endpoint_id,
        isDetector: upstream.config.kind === 'detector',
        health: this.#of(upstream),
        dueSince: this.#storedOf(upstream)?.next_check_at ?? 0,
      }))
      .filter(({ dueSince }) => dueSince <= this.now())
      .toSorted(byUrgency);
  }

  rulesOf({ config }: Upstream): HealthRules {
    return config.kind === 'detector'
      ? { of: 'detector', constants: this.constants }
      : { of: 'endpoint', check: config.health_check };
  }

  /** What is in the store now, also of an upstream that this process has not heard of yet. */
  learned(stored: StoredHealth): void {
    const { endpoint_id: id, url } = stored;
    const before = this.#stored.get(id);
    if (before && before.url !== url) this.#elsewhere.set(id, before);
    this.#stored.set(id, stored);
  }

  /** Whether it has been checked at its address. */
  knows(upstream: Upstream): boolean {
    return this.#storedOf(upstream) !== null;
  }

  #of(upstream: Upstream): Health {
    return this.#storedOf(upstream)?.health ?? initialHealth;
  }

  #storedOf({ endpoint_id, config }: Upstream): StoredHealth | null {
    const known = [this.#stored.get(endpoint_id), this.#elsewhere.get(endpoint_id)];
    return known.find((stored) => stored?.url === config.url) ?? null;
  }
}

/** What operators have taken out is not checked; what they switched off neither. */
export function isWatched({ status, config }: Upstream): boolean {
  return status === 'active' && !config.disabled && config.health_check.enabled;
}
