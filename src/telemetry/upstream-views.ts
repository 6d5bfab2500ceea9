import { type BreakerCounts, type BreakerState, breakerStates } from '../contract/breaker';
import {
  type UpstreamKind,
  upstreamKinds,
  type UpstreamStatus,
  upstreamStatuses,
} from '../contract/upstream';
import { endpointLabel } from './endpoint-label';
import type { Metrics } from './metrics';

/** An upstream as it is now. */
export interface SeenUpstream {
  readonly endpointId: string;
  readonly kind: UpstreamKind;
  readonly status: UpstreamStatus;
  /** Name of the detector; null for every other kind. */
  readonly detector: string | null;
  /** Whether calls may go to it, as far as its health and its operators say. */
  readonly isUp: boolean;
  readonly breaker: BreakerState;
  readonly counts: BreakerCounts;
  /** Epoch ms; null: never. */
  readonly stateChangedAt: number | null;
}

export interface Seen {
  readonly upstreams: () => readonly SeenUpstream[];
  /** Of the registry file; null before one was read. */
  readonly configVersion: () => string | null;
}

/** As the contract numbers them, and from the best to the worst. */
const stateNumber: Readonly<Record<BreakerState, number>> = { closed: 0, open: 1, half_open: 2 };
const severity: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };

/** How upstreams are, as shared by all processes (spec/gateway.md 9.2, spec/orchestration.md 8). */
export function showUpstreams(metrics: Metrics, { upstreams, configVersion }: Seen): void {
  metrics.gauge('gateway_registry_endpoints', 'Registered upstreams', ['status'], () =>
    upstreamStatuses.map((status) => [{ status }, upstreams().filter((one) => one.status === status).length]),
  );
  metrics.gauge('gateway_registry_endpoints_by_kind', 'Registered upstreams', ['kind', 'status'], () =>
    upstreamKinds.flatMap((kind) =>
      upstreamStatuses.map(
        (status) =>
          [
            { kind, status },
            upstreams().filter((one) => one.kind === kind && one.status === status).length,
          ] as const,
      ),
    ),
  );
  metrics.gauge('gateway_config_info', 'Version of the registry file that is in use', ['version'], () => {
    const version = configVersion();
    return version === null ? [] : [[{ version }, 1]];
  });
  metrics.gauge('gateway_endpoint_up', '1: calls may go to it, 0: not', ['endpoint_id'], () =>
    byEndpoint(upstreams()).map(({ label, versions }) => [
      { endpoint_id: label },
      Number(versions.every(({ isUp }) => isUp)),
    ]),
  );
  metrics.gauge('detector_health_status', '1 in the pool, 0 out', ['detector'], () =>
    byDetector(upstreams()).map(({ label, versions }) => [
      { detector: label },
      Number(versions.some(({ isUp }) => isUp)),
    ]),
  );
  showBreakers(metrics, upstreams);
}

function showBreakers(metrics: Metrics, upstreams: Seen['upstreams']): void {
  metrics.gauge(
    'gateway_circuit_breaker_state',
    'State of the circuit breaker: 0 closed, 1 open, 2 half-open',
    ['endpoint_id'],
    () =>
      byEndpoint(upstreams()).map(({ label, versions }) => [
        { endpoint_id: label },
        stateNumber[worst(versions)],
      ]),
  );
  metrics.gauge(
    'circuit_breaker_state',
    '1 for the current state of the detector, 0 for the other two',
    ['detector', 'state'],
    () =>
      byDetector(upstreams()).flatMap(({ label, versions }) =>
        breakerStates.map(
          (state) => [{ detector: label, state }, Number(worst(versions) === state)] as const,
        ),
      ),
  );
  metrics.gauge(
    'gateway_circuit_breaker_state_changed_timestamp_seconds',
    'When the circuit breaker entered its state; absent: it has never left the first one',
    ['endpoint_id'],
    () =>
      byEndpoint(upstreams()).flatMap(({ label, versions }) => {
        const changed = versions.flatMap(({ stateChangedAt }) => stateChangedAt ?? []);
        return changed.length === 0 ? [] : [[{ endpoint_id: label }, Math.max(...changed) / 1000] as const];
      }),
  );
  metrics.total(
    'gateway_circuit_breaker_calls_total',
    'Calls as the circuit breaker counts them; prevented: kept off the upstream',
    ['endpoint_id', 'outcome'],
    () =>
      byEndpoint(upstreams()).flatMap(({ label, versions }) =>
        (
          [
            ['success', sum(versions, 'successes')],
            ['failure', sum(versions, 'failures')],
            ['prevented', sum(versions, 'prevented')],
          ] as const
        ).map(([outcome, count]) => [{ endpoint_id: label, outcome }, count] as const),
      ),
  );
  metrics.gauge(
    'gateway_circuit_breaker_effectiveness',
    'Prevented calls of all that failed or would have: prevented / (prevented + failures)',
    ['endpoint_id'],
    () =>
      byEndpoint(upstreams()).map(({ label, versions }) => {
        const prevented = sum(versions, 'prevented');
        const total = prevented + sum(versions, 'failures');
        return [{ endpoint_id: label }, total === 0 ? 0 : prevented / total];
      }),
  );
}

interface Group {
  readonly label: string;
  readonly versions: readonly SeenUpstream[];
}

function byEndpoint(upstreams: readonly SeenUpstream[]): Group[] {
  return grouped(upstreams, ({ endpointId }) => endpointLabel(endpointId));
}

/** One series for all versions of a name that are in use. */
function byDetector(upstreams: readonly SeenUpstream[]): Group[] {
  const inUse = upstreams.filter(({ status }) => status === 'active' || status === 'unhealthy');
  return grouped(inUse, ({ detector }) => detector);
}

function grouped(upstreams: readonly SeenUpstream[], labelOf: (one: SeenUpstream) => string | null): Group[] {
  const groups = new Map<string, SeenUpstream[]>();
  for (const one of upstreams) {
    const label = labelOf(one);
    if (label !== null) groups.set(label, [...(groups.get(label) ?? []), one]);
  }
  return [...groups].map(([label, versions]) => ({ label, versions }));
}

function worst(versions: readonly SeenUpstream[]): BreakerState {
  const states = versions.map(({ breaker }) => breaker);
  return states.reduce((a, b) => (severity[b] > severity[a] ? b : a));
}

function sum(versions: readonly SeenUpstream[], of: 'successes' | 'failures' | 'prevented'): number {
  return versions.reduce((total, { counts }) => total + counts[of], 0);
}
