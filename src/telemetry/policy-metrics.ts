import type { LoggedDecision } from '../contract/decision-log';
import type { Metrics } from './metrics';

/** Series of what policies were asked (spec/orchestration.md 8, Security). */
export class PolicyMetrics {
  readonly #decisions;
  readonly #shadows;

  constructor(metrics: Metrics) {
    this.#decisions = metrics.counter('orchestrator_opa_decisions_total', 'Rules that were asked', [
      'decision',
      'outcome',
    ]);
    this.#shadows = metrics.counter(
      'orchestrator_policy_shadow_total',
      'Requests that a version judged beside the one that decides',
      ['tenant', 'policy', 'result'],
    );
  }

  decided({ decision, outcome }: Pick<LoggedDecision, 'decision' | 'outcome'>): void {
    this.#decisions.inc({ decision, outcome });
  }

  shadowed(tenant: string, policy: string, results: readonly string[]): void {
    for (const result of results) this.#shadows.inc({ tenant, policy, result });
  }
}
