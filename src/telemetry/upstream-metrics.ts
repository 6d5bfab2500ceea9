import type { BreakerTransition } from '../contract/breaker';
import { endpointLabel } from './endpoint-label';
import { forget, type Metrics } from './metrics';

/** One check of an upstream, and what it has changed. */
export interface CheckMade {
  readonly endpointId: string;
  /** Name of the detector; null for every other kind. */
  readonly detector: string | null;
  readonly ok: boolean;
  readonly responseMs: number | null;
  readonly from: string;
  readonly to: string;
  /** It has failed so often in a row that somebody should look. */
  readonly alerts: boolean;
}

export type ChangeOutcome = 'success' | 'refused' | 'error';
export type RegistryOperation = 'register' | 'update' | 'unregister' | 'status' | 'traffic' | 'expire';

/** What happens to upstreams (spec/gateway.md 9.2, spec/orchestration.md 8). */
export class UpstreamMetrics {
  readonly #operations;
  readonly #reloads;
  readonly #reloadsBySource;
  readonly #transitions;
  readonly #fallbacks;
  readonly #checks;
  readonly #checkSeconds;
  readonly #checkMs;
  readonly #healthChanges;
  readonly #healthAlerts;

  constructor(metrics: Metrics) {
    this.#operations = metrics.counter(
      'gateway_registry_operations_total',
      'Changes of the registry that were asked for',
      ['operation', 'outcome'],
    );
    this.#reloads = metrics.counter(
      'gateway_config_reloads_total',
      'Readings of the registry file that changed something, or were refused',
      ['outcome'],
    );
    this.#reloadsBySource = metrics.counter(
      'orchestrator_config_reload_total',
      'Reloads of configuration by its source',
      ['source', 'result'],
    );
    this.#transitions = metrics.counter(
      'gateway_circuit_breaker_transitions_total',
      'Changes of state of circuit breakers',
      ['endpoint_id', 'from', 'to'],
    );
    this.#fallbacks = metrics.counter(
      'gateway_circuit_breaker_fallbacks_total',
      'Answers given in the place of an upstream whose breaker is open',
      ['endpoint_id', 'strategy'],
    );
    this.#checks = metrics.counter('gateway_health_checks_total', 'Health checks made', [
      'endpoint_id',
      'outcome',
    ]);
    this.#checkSeconds = metrics.histogram(
      'gateway_health_check_duration_seconds',
      'Time of health checks',
      ['endpoint_id'],
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    );
    this.#checkMs = metrics.histogram(
      'detector_health_check_duration_ms',
      'Probe time of detectors',
      ['detector'],
      [5, 10, 50, 100, 200, 500, 1000, 2000, 5000],
    );
    this.#healthChanges = metrics.counter(
      'gateway_health_status_changes_total',
      'Changes of the health of upstreams',
      ['endpoint_id', 'from', 'to'],
    );
    this.#healthAlerts = metrics.counter(
      'gateway_health_alerts_total',
      'Times that an upstream has failed alert_threshold checks in a row',
      ['endpoint_id'],
    );
  }

  operated(operation: RegistryOperation, outcome: ChangeOutcome, times = 1): void {
    if (times > 0) this.#operations.inc({ operation, outcome }, times);
  }

  reloaded(outcome: 'success' | 'failure'): void {
    this.#reloads.inc({ outcome });
    this.#reloadsBySource.inc({ source: 'registry_file', result: outcome });
  }

  /** A bundle in the folder of policies was taken in, or refused. */
  policyReloaded(outcome: 'success' | 'failure'): void {
    this.#reloadsBySource.inc({ source: 'policy_folder', result: outcome });
  }

  breakerMoved(endpointId: string, { from, to }: Pick<BreakerTransition, 'from' | 'to'>): void {
    this.#transitions.inc({ endpoint_id: endpointLabel(endpointId), from, to });
  }

  fellBack(endpointId: string, strategy: string): void {
    this.#fallbacks.inc({ endpoint_id: endpointLabel(endpointId), strategy });
  }

  checked({ endpointId, detector, ok, responseMs, from, to, alerts }: CheckMade): void {
    const endpoint_id = endpointLabel(endpointId);
    this.#checks.inc({ endpoint_id, outcome: ok ? 'success' : 'failure' });
    if (responseMs !== null) {
      this.#checkSeconds.observe({ endpoint_id }, responseMs / 1000);
      if (detector !== null) this.#checkMs.observe({ detector }, responseMs);
    }
    if (from !== to) this.#healthChanges.inc({ endpoint_id, from, to });
    if (alerts) this.#healthAlerts.inc({ endpoint_id });
  }

  /** Upstreams that are registered no more. @param detectors those of their names that no version is left of */
  async forget(endpointIds: readonly string[], detectors: readonly string[]): Promise<void> {
    const labels = endpointIds.map(endpointLabel);
    await forget(this.#transitions, 'endpoint_id', labels);
    await forget(this.#fallbacks, 'endpoint_id', labels);
    await forget(this.#checks, 'endpoint_id', labels);
    await forget(this.#checkSeconds, 'endpoint_id', labels);
    await forget(this.#healthChanges, 'endpoint_id', labels);
    await forget(this.#healthAlerts, 'endpoint_id', labels);
    await forget(this.#checkMs, 'detector', detectors);
  }
}
