import type { PolicyVerdict } from './policy-validation';

/** The closed, locked error table (spec/orchestration.md 5). */
export const canonicalErrors = {
  INVALID_REQUEST: { status: 400, retryable: false, fallbackUsed: false },
  POLICY_NOT_FOUND: { status: 400, retryable: false, fallbackUsed: false },
  UNAUTHORIZED: { status: 401, retryable: false, fallbackUsed: false },
  INSUFFICIENT_RBAC: { status: 403, retryable: false, fallbackUsed: false },
  RATE_LIMITED: { status: 403, retryable: true, fallbackUsed: false },
  PARTIAL_COVERAGE: { status: 206, retryable: false, fallbackUsed: true },
  REQUEST_TIMEOUT: { status: 408, retryable: true, fallbackUsed: true },
  DETECTOR_OVERLOADED: { status: 429, retryable: true, fallbackUsed: true },
  ALL_DETECTORS_UNAVAILABLE: { status: 502, retryable: true, fallbackUsed: true },
  DETECTOR_COMMUNICATION_FAILED: { status: 502, retryable: true, fallbackUsed: true },
  AGGREGATION_FAILED: { status: 500, retryable: false, fallbackUsed: true },
  INTERNAL_ERROR: { status: 500, retryable: false, fallbackUsed: true },
} as const;

export type ErrorCode = keyof typeof canonicalErrors;
export const errorCodes = Object.keys(canonicalErrors) as [ErrorCode, ...ErrorCode[]];

/** Errors of gateway paths (spec/gateway.md 8): code, HTTP status, whether a repeat may help. */
export const gatewayErrors = {
  CONFIG_INVALID: { status: 422, retryable: false },
  CONFIG_NOT_LOADED: { status: 404, retryable: false },
  RELOAD_IN_PROGRESS: { status: 409, retryable: true },
  ENDPOINT_NOT_FOUND: { status: 404, retryable: false },
  ENDPOINT_CONFLICT: { status: 409, retryable: false },
  ENDPOINT_UNREACHABLE: { status: 422, retryable: false },
  ENDPOINT_DISABLED: { status: 503, retryable: false },
  ENDPOINT_UNHEALTHY: { status: 503, retryable: true },
  CHECK_IN_PROGRESS: { status: 409, retryable: true },
  ROUTE_NOT_FOUND: { status: 404, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  AUTH_RATE_LIMITED: { status: 429, retryable: true },
  NOT_SUPPORTED: { status: 501, retryable: false },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false },
  UPSTREAM_UNREACHABLE: { status: 502, retryable: true },
  UPSTREAM_PROTOCOL_ERROR: { status: 502, retryable: true },
  UPSTREAM_TIMEOUT: { status: 504, retryable: true },
  CIRCUIT_OPEN: { status: 503, retryable: true },
  STORE_UNAVAILABLE: { status: 503, retryable: true },
} as const;
export type GatewayErrorCode = keyof typeof gatewayErrors;

/** The exception of gateway paths; its message never holds content or secrets. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly status: number;

  constructor(
    readonly code: GatewayErrorCode,
    message: string,
    readonly options: {
      readonly details?: Readonly<Record<string, unknown>>;
      readonly retryAfterSeconds?: number;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.status = gatewayErrors[code].status;
  }
}

export interface FieldError {
  /** `a.b[2].c` */
  readonly path: string;
  readonly message: string;
}

/** What is known of a refusal beyond its fields. */
export interface ErrorDetails {
  /** On a policy that was not taken. */
  readonly report: PolicyVerdict;
}

export interface ConclaveErrorOptions {
  /** Machine token that tells apart errors of one code, e.g. `idempotency_conflict`. */
  readonly detail?: string;
  /** HTTP status where the table allows another than its own (R26: 404 and 409 of INVALID_REQUEST). */
  readonly status?: 400 | 404 | 409;
  readonly fieldErrors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  readonly details?: ErrorDetails;
}

/** The one exception that carries a canonical code to the edge; its message never holds content or secrets. */
export class ConclaveError extends Error {
  override readonly name = 'ConclaveError';
  readonly detail: string | null;
  readonly status: number;
  readonly fieldErrors: readonly FieldError[];
  readonly retryAfterSeconds: number | null;
  readonly details: ErrorDetails | null;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: ConclaveErrorOptions = {},
  ) {
    super(message);
    this.detail = options.detail ?? null;
    this.status = options.status ?? canonicalErrors[code].status;
    this.fieldErrors = options.fieldErrors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.details = options.details ?? null;
  }
}
