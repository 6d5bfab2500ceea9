import type { ErrorResponse, OrchestrationResponse } from '../contract/answer';
import { canonicalErrors, type ErrorCode } from '../contract/errors';
import type { Plan } from '../contract/plan';
import { counts, errorToken } from '../domain/results';
import { rounded } from '../domain/compare';
import { onWire } from '../domain/on-wire';
import type { OutcomeVerdict } from '../domain/outcome';
import { routingDecision } from '../domain/routing-reason';
import type { StoredAnswer } from '../store/orchestrations';
import { versionsOf } from './mapping-notes';
import type { MemberEnding } from './types';

/** The final bytes of a member's answer (design.md 2: `publish` builds them, the facade sends them). */
export function finalAnswer(
  plan: Plan,
  ending: MemberEnding,
  verdict: OutcomeVerdict,
  jobId: string | null,
  now: number,
): StoredAnswer {
  const response = orchestrationResponse(plan, ending, verdict, jobId, now);
  const body = verdict.status === 200 || verdict.status === 206 ? response : errorResponse(response, verdict);
  return { status: verdict.status, body: Buffer.from(JSON.stringify(body)) };
}

function orchestrationResponse(
  plan: Plan,
  ending: MemberEnding,
  verdict: OutcomeVerdict,
  jobId: string | null,
  now: number,
): OrchestrationResponse {
  const { member, results, payload, mapping } = ending;
  const tally = counts(results);
  const mapped = mapping.kind === 'mapped' ? mapping.response : null;
  return {
    request_id: member.request_id,
    job_id: jobId,
    processing_mode: jobId === null && member.mode !== 'bulk' ? 'sync' : 'async',
    detector_results: onWire(results),
    aggregated_payload: payload,
    mapping_result: mapped,
    total_processing_time_ms: Math.max(0, now - member.received_at),
    detectors_attempted: tally.attempted,
    detectors_succeeded: tally.succeeded,
    detectors_failed: tally.failed,
    coverage_achieved: rounded(ending.coverage),
    routing_decision: routingDecision(plan, member, results),
    fallback_used: verdict.fallback_used,
    error_code: verdict.error_code,
    timestamp: new Date(now).toISOString(),
    idempotency_key: member.idempotency_key ?? jobId,
    version_info: versionsOf(plan, mapped),
    correlation_id: member.correlation_id,
    fallback_reasons: verdict.fallback_reasons,
    ...(verdict.failure_policy && { failure_policy: [...verdict.failure_policy] }),
  };
}

const messages: Partial<Record<ErrorCode, string>> = {
  REQUEST_TIMEOUT: 'no detector answered before the time of the request was up',
  DETECTOR_OVERLOADED: 'every detector that was asked is overloaded',
  ALL_DETECTORS_UNAVAILABLE: 'no detector is available that could add to the coverage the policy asks for',
  DETECTOR_COMMUNICATION_FAILED: 'no detector gave a usable answer',
  AGGREGATION_FAILED: 'the results could not be aggregated',
};

function errorResponse(response: OrchestrationResponse, verdict: OutcomeVerdict): ErrorResponse {
  const code = verdict.error_code ?? 'INTERNAL_ERROR';
  const overloaded = response.detector_results.some((result) => errorToken(result) === 'overloaded');
  return {
    error_code: code,
    message: messages[code] ?? 'the orchestration failed',
    detail: null,
    retryable: canonicalErrors[code].retryable,
    fallback_used: canonicalErrors[code].fallbackUsed,
    request_id: response.request_id,
    correlation_id: response.correlation_id,
    timestamp: response.timestamp,
    field_errors: [],
    retry_after_seconds: code === 'DETECTOR_OVERLOADED' && overloaded ? 1 : null,
    response,
    details: null,
  };
}
