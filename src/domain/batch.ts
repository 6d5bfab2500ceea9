import type { ErrorResponse, OrchestrationResponse } from '../contract/answer';
import type { BatchItemResult, BatchOrchestrationResponse } from '../contract/batch';
import type { ProcessingMode } from '../contract/enums';
import type { VersionInfo } from '../contract/payload';

/** What an item is known by when nobody has routed it. */
export interface UnroutedItem {
  readonly mode: ProcessingMode;
  /** As the item names it; empty when it names none. */
  readonly policyBundle: string;
  readonly idempotencyKey: string;
  readonly versionInfo: VersionInfo;
  /** Since the receipt of the batch. */
  readonly elapsedMs: number;
}

/** An item that was answered with 200, 202 or 206. */
export function answeredItem(
  index: number,
  status: number,
  response: OrchestrationResponse,
): BatchItemResult {
  return { ...response, index, http_status: status, error: null };
}

/** An item that was answered with an error: what it has of results stands in its own place. */
export function failedItem(
  index: number,
  status: number,
  error: ErrorResponse,
  item: UnroutedItem,
): BatchItemResult {
  const response = error.response ?? withoutResults(error, item);
  return { ...response, index, http_status: status, error: { ...error, response: null } };
}

/** @param results in the order of the requests */
export function batchResponse(
  results: readonly BatchItemResult[],
  idempotencyKey: string,
  batchId: string | null,
): BatchOrchestrationResponse {
  const withStatus = (...wanted: number[]) =>
    results.filter(({ http_status: status }) => wanted.includes(status)).length;
  const [completed, accepted] = [withStatus(200, 206), withStatus(202)];
  return {
    results: [...results],
    idempotency_key: idempotencyKey,
    batch_id: batchId,
    total_requests: results.length,
    completed_requests: completed,
    accepted_requests: accepted,
    failed_requests: results.length - completed - accepted,
  };
}

/** The reason `not_routed`, and nothing that only a plan would know (spec/orchestration.md 1.2). */
function withoutResults(error: ErrorResponse, item: UnroutedItem): OrchestrationResponse {
  return {
    request_id: error.request_id,
    job_id: null,
    processing_mode: item.mode,
    detector_results: [],
    aggregated_payload: null,
    mapping_result: null,
    total_processing_time_ms: item.elapsedMs,
    detectors_attempted: 0,
    detectors_succeeded: 0,
    detectors_failed: 0,
    coverage_achieved: 0,
    routing_decision: {
      selected_detectors: [],
      routing_reason: 'not_routed',
      policy_applied: item.policyBundle,
      policy_version: '',
      policy_digest: '',
      coverage_method: 'required_set',
      coverage_requirements: {},
      health_status: {},
    },
    fallback_used: error.fallback_used,
    error_code: error.error_code,
    timestamp: error.timestamp,
    idempotency_key: item.idempotencyKey,
    version_info: item.versionInfo,
    correlation_id: error.correlation_id,
    fallback_reasons: [],
  };
}
