import type { AttackType, FirewallAction } from '../contract/firewall';
import type { Metrics } from './metrics';

/** Of who runs the installation; no tenant can be called so. */
const platform = '(platform)';

interface Decided {
  readonly endpoint: string;
  /** Of the credential; null: bound to none. */
  readonly tenantId: string | null;
  readonly scope: string;
  readonly allowed: boolean;
}

/** Series of who was let in, and to what (spec/orchestration.md 8 Security, spec/gateway.md 9.2). */
export class AccessMetrics {
  readonly #attempts;
  readonly #decisions;
  readonly #firewall;

  constructor(metrics: Metrics) {
    this.#attempts = metrics.counter('gateway_auth_attempts_total', 'Credentials that were looked at', [
      'outcome',
      'reason',
    ]);
    this.#decisions = metrics.counter(
      'orchestrator_rbac_enforcement_total',
      'Decisions whether a caller may do something',
      ['endpoint', 'tenant', 'decision', 'scope'],
    );
    this.#firewall = metrics.counter('orchestrator_waf_events_total', 'Texts that look like an attack', [
      'attack_type',
      'action',
    ]);
  }

  /** @param outcome `success`, or why not */
  attempted(outcome: string): void {
    const isSuccess = outcome === 'success';
    this.#attempts.inc({ outcome: isSuccess ? 'success' : 'failure', reason: isSuccess ? 'none' : outcome });
  }

  looksLikeAttack(attack: AttackType, action: FirewallAction): void {
    this.#firewall.inc({ attack_type: attack, action });
  }

  decided({ endpoint, tenantId, scope, allowed }: Decided): void {
    this.#decisions.inc({
      endpoint,
      tenant: tenantId ?? platform,
      decision: allowed ? 'allowed' : 'denied',
      scope,
    });
  }
}
