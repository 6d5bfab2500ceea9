import type { OrchestrationResponse } from '../contract/answer';
import type { DetectorResult } from '../contract/detector-result';
import type { Member, Plan } from '../contract/plan';
import { onWire } from '../domain/on-wire';
import { counts, inPlanOrder, skippedResults } from '../domain/results';
import { routingDecision } from '../domain/routing-reason';
import type { StoredAnswer } from '../store/orchestrations';

export { errorAnswer } from '../activities/error-answer';

/** The 202 that announces a job: the full shape with the results known so far (spec/orchestration.md 1.3, R10). */
export function acceptedAnswer(
  plan: Plan,
  member: Member,
  jobId: string,
  known: readonly DetectorResult[],
  now: number,
): StoredAnswer {
  const results = onWire(inPlanOrder(plan, [...skippedResults(plan), ...known]));
  const tally = counts(results);
  const body: OrchestrationResponse = {
    request_id: member.request_id,
    job_id: jobId,
    processing_mode: 'async',
    detector_results: results,
    aggregated_payload: null,
    mapping_result: null,
    total_processing_time_ms: Math.max(0, now - member.received_at),
    detectors_attempted: tally.attempted,
    detectors_succeeded: tally.succeeded,
    detectors_failed: tally.failed,
    coverage_achieved: 0,
    routing_decision: routingDecision(plan, member),
    fallback_used: plan.decider === 'tenant_policy_opa_fallback',
    error_code: null,
    timestamp: new Date(now).toISOString(),
    idempotency_key: member.idempotency_key ?? jobId,
    version_info: plan.version_info,
    correlation_id: member.correlation_id,
    fallback_reasons: plan.decider === 'tenant_policy_opa_fallback' ? ['opa_unavailable'] : [],
  };
  return { status: 202, body: Buffer.from(JSON.stringify(body)) };
}
