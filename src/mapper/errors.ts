import type { FieldError } from '../contract/errors';

/** The mapper's error table (spec/mapper.md 7), as far as its paths can answer it today. */
export const mapperErrors = {
  INVALID_REQUEST: { status: 400, retryable: false },
  UNAUTHORIZED: { status: 401, retryable: false },
  INSUFFICIENT_RBAC: { status: 403, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  CONFLICT: { status: 409, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  INTERNAL_ERROR: { status: 500, retryable: true },
  SERVICE_UNAVAILABLE: { status: 503, retryable: true },
} as const;

export type MapperErrorCode = keyof typeof mapperErrors;

export interface MapperErrorOptions {
  /** Machine token that tells apart errors of one code, e.g. `raw_content`. */
  readonly detail?: string;
  /** Only where the table's own status would mislead: 415 for a wrong content type. */
  readonly status?: 415;
  readonly fieldErrors?: readonly FieldError[];
}

/** What a request can fail with; the message never holds signals, metadata or any other text of the caller. */
export class MapperError extends Error {
  override readonly name = 'MapperError';
  readonly status: number;
  readonly retryable: boolean;
  readonly detail: string | null;
  readonly fieldErrors: readonly FieldError[];

  constructor(
    readonly code: MapperErrorCode,
    message: string,
    options: MapperErrorOptions = {},
  ) {
    super(message);
    this.status = options.status ?? mapperErrors[code].status;
    this.retryable = mapperErrors[code].retryable;
    this.detail = options.detail ?? null;
    this.fieldErrors = options.fieldErrors ?? [];
  }
}

/** What an unexpected failure is answered with: nothing of the failure itself. */
export function internalError(): MapperError {
  return new MapperError('INTERNAL_ERROR', 'The mapper failed unexpectedly.');
}

export interface RequestIdentity {
  readonly requestId: string;
  readonly correlationId: string;
}

/** The one shape of an error body: the project's envelope, with `code` and `error` for the gateway. */
export function errorBody(error: MapperError, { requestId, correlationId }: RequestIdentity) {
  return {
    error_code: error.code,
    code: error.code,
    error: error.code.toLowerCase(),
    message: error.message,
    detail: error.detail,
    retryable: error.retryable,
    fallback_used: false,
    request_id: requestId,
    correlation_id: correlationId,
    timestamp: new Date().toISOString(),
    ...(error.fieldErrors.length > 0 && { details: { field_errors: error.fieldErrors } }),
  };
}
