import { errorResponseSchema, type ErrorResponse } from '../../src/contract/answer';
import { canonicalErrors, type ErrorCode } from '../../src/contract/errors';
import type { HttpAnswer } from './system';

export interface ExpectedError {
  readonly code?: ErrorCode;
  /** Default: the code's own. */
  readonly status?: number;
  readonly detail?: string | null;
  /** Paths that `field_errors` must hold, among others. */
  readonly paths?: readonly string[];
}

/** Asserts that an answer is the contract's error with every member, status and both flags (spec/orchestration.md 1.12, 5). */
export function expectContractError(
  answer: HttpAnswer<unknown>,
  expected: ExpectedError = {},
): ErrorResponse {
  const code = expected.code ?? 'INVALID_REQUEST';
  const body = errorResponseSchema.parse(answer.body);
  const { status, retryable, fallbackUsed } = canonicalErrors[code];
  expect({
    status: answer.status,
    error_code: body.error_code,
    retryable: body.retryable,
    fallback_used: body.fallback_used,
    ...(expected.detail === undefined ? {} : { detail: body.detail }),
  }).toEqual({
    status: expected.status ?? status,
    error_code: code,
    retryable,
    fallback_used: fallbackUsed,
    ...(expected.detail === undefined ? {} : { detail: expected.detail }),
  });
  expect(body.field_errors.map(({ path }) => path)).toEqual(
    expect.arrayContaining([...(expected.paths ?? [])]),
  );
  expect(body.message).not.toBe('');
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answer.headers.get('x-request-id')).toBe(body.request_id);
  expect(answer.headers.get('x-correlation-id')).toBe(body.correlation_id);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  return body;
}
