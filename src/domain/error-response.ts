import type { ErrorResponse } from '../contract/answer';
import { canonicalErrors, type ConclaveError } from '../contract/errors';

/** The error body of spec/orchestration.md 1.12 for an item that never ran. @param now epoch ms */
export function errorResponse(
  error: ConclaveError,
  ids: { readonly request_id: string; readonly correlation_id: string },
  now: number,
): ErrorResponse {
  const { retryable, fallbackUsed } = canonicalErrors[error.code];
  return {
    error_code: error.code,
    message: error.message,
    detail: error.detail,
    retryable,
    fallback_used: fallbackUsed,
    ...ids,
    timestamp: new Date(now).toISOString(),
    field_errors: [...error.fieldErrors],
    retry_after_seconds: error.retryAfterSeconds,
    response: null,
    details: null,
  };
}
