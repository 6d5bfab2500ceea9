import type { LoggedDecision } from '../contract/decision-log';
import type { Metrics } from './metrics';

/** Series of what policies were asked (spec/orchestration.md 8, Security). */
export class PolicyMetrics {
  readonly #decisions;

  constructor(metrics: Metrics) {
    this.#decisions = metrics.counter('orchestrator_opa_decisions_total', 'Rules that were asked', [
      'decision',
      'outcome',
    ]);
  }

  decided({ decision, outcome }: Pick<LoggedDecision, 'decision' | 'outcome'>): void {
    this.#decisions.inc({ decision, outcome });
  }
}
