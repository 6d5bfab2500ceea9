import type { ErrorResponse } from '../contract/answer';
import { canonicalErrors, type ErrorCode } from '../contract/errors';
import type { Member } from '../contract/plan';
import type { StoredAnswer } from '../store/orchestrations';
import type { Outcome } from '../store/outcomes';

/** An error of an execution that has begun but has no results to show. */
export function errorAnswer(
  member: Pick<Member, 'request_id' | 'correlation_id'>,
  code: ErrorCode,
  message: string,
  now: number,
): StoredAnswer {
  const { status, retryable, fallbackUsed } = canonicalErrors[code];
  const body: ErrorResponse = {
    error_code: code,
    message,
    detail: null,
    retryable,
    fallback_used: fallbackUsed,
    request_id: member.request_id,
    correlation_id: member.correlation_id,
    timestamp: new Date(now).toISOString(),
    field_errors: [],
    retry_after_seconds: null,
    response: null,
    details: null,
  };
  return { status, body: Buffer.from(JSON.stringify(body)) };
}

/** Of a member that has no outcome of its own; nothing that a detector or a policy said is in its record. */
export function internalError(
  tenantId: string,
  member: Pick<Member, 'request_id' | 'correlation_id' | 'received_at'>,
  message: string,
): Outcome {
  return {
    requestId: member.request_id,
    tenantId,
    status: 'failed',
    errorCode: 'INTERNAL_ERROR',
    receivedAt: new Date(member.received_at),
    answer: () => errorAnswer(member, 'INTERNAL_ERROR', message, Date.now()),
    audit: { error_code: 'INTERNAL_ERROR', http_status: canonicalErrors.INTERNAL_ERROR.status },
  };
}
