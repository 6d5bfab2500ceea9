import { errorResponseSchema, type OrchestrationResponse } from '../../../src/contract/answer';
import { batchOrchestrationResponseSchema } from '../../../src/contract/batch';
import { ConclaveError } from '../../../src/contract/errors';
import { answeredItem, batchResponse, failedItem } from '../../../src/domain/batch';
import { errorResponse } from '../../../src/domain/error-response';
import { acceptedAnswer } from '../../../src/submission/answers';
import { memberOf, planWith } from '../submission/support';
import { requestId } from './support';

const unrouted = {
  mode: 'async',
  policyBundle: 'default',
  idempotencyKey: 'key#1',
  versionInfo: { taxonomy: '1', frameworks: '2', model: 'none', orchestrator: '0.1.0' },
  elapsedMs: 12,
} as const;
const refusal = errorResponse(
  new ConclaveError('RATE_LIMITED', 'too much', { detail: 'overloaded', retryAfterSeconds: 1 }),
  { request_id: requestId, correlation_id: 'corr' },
  1000,
);
const accepted = acceptedAnswer(planWith(), memberOf(), `job-${requestId}`, [], 1_000_500);
const response = JSON.parse(accepted.body.toString()) as OrchestrationResponse;

describe('The error of an item', () => {
  it('is the whole contract error', () => {
    expect(errorResponseSchema.parse(refusal)).toMatchObject({
      error_code: 'RATE_LIMITED',
      detail: 'overloaded',
      retryable: true,
      retry_after_seconds: 1,
      timestamp: '1970-01-01T00:00:01.000Z',
    });
  });
});

describe('An item of a batch', () => {
  it('that was answered is its answer with three fields more', () => {
    expect(answeredItem(3, 206, response)).toEqual({ ...response, index: 3, http_status: 206, error: null });
  });

  it('that was never routed has no results, and says so', () => {
    expect(failedItem(1, 403, refusal, unrouted)).toMatchObject({
      request_id: requestId,
      index: 1,
      http_status: 403,
      error: refusal,
      error_code: 'RATE_LIMITED',
      processing_mode: 'async',
      detector_results: [],
      idempotency_key: 'key#1',
      correlation_id: 'corr',
      total_processing_time_ms: 12,
      version_info: unrouted.versionInfo,
      routing_decision: { routing_reason: 'not_routed', policy_applied: 'default' },
    });
  });

  it('that failed with results shows them once, in its own place', () => {
    const failed = failedItem(0, 502, { ...refusal, response }, unrouted);
    expect(failed).toEqual({ ...response, index: 0, http_status: 502, error: refusal });
  });
});

describe('The answer to a batch', () => {
  it('keeps the order, counts 200 and 206, 202, and the rest, and is what the contract says [11.1]', () => {
    const results = [200, 502, 202, 206, 400, 202].map((status, index) =>
      [200, 202, 206].includes(status)
        ? answeredItem(index, status, response)
        : failedItem(index, status, refusal, unrouted),
    );
    const answer = batchResponse(results, 'key', null);
    expect(answer).toEqual({
      results,
      idempotency_key: 'key',
      batch_id: null,
      total_requests: 6,
      completed_requests: 2,
      accepted_requests: 2,
      failed_requests: 2,
    });
    expect(batchOrchestrationResponseSchema.safeParse(answer).error).toBeUndefined();
  });
});
