import type { LoggedDecision } from '../contract/decision-log';

const nanosecondsInMs = 1_000_000;

/** A decision as OPA's decision log has it (https://www.openpolicyagent.org/docs/management-decision-logs). */
export function opaDecision(decision: LoggedDecision, version: string): object {
  const { policy_bundle: bundle, policy_version, policy_digest } = decision;
  return {
    decision_id: decision.decision_id,
    labels: { id: 'conclave', version, tenant_id: decision.tenant_id },
    bundles: { [bundle]: { revision: `${policy_version}@${policy_digest}` } },
    path: `orchestration/${decision.decision}`,
    // The input is kept nowhere: its digest stands for it.
    erased: ['/input'],
    ...(decision.result !== null && { result: decision.result }),
    ...(decision.outcome !== 'decision' && {
      error: { code: decision.outcome, message: decision.detail ?? '' },
    }),
    requested_by: decision.tenant_id,
    timestamp: decision.timestamp,
    metrics: { timer_rego_query_eval_ns: Math.round(decision.duration_ms * nanosecondsInMs) },
    custom: { request_id: decision.request_id, input_sha256: decision.input_digest },
  };
}
