import type { NextFunction, Request, Response } from 'express';
import type { ErrorResponse } from '../contract/answer';
import { canonicalErrors, ConclaveError, GatewayError, gatewayErrors } from '../contract/errors';
import type { Identity } from '../contract/identity';
import { tenantErased } from '../contract/tenant-errors';
import { TenantKeyDestroyedError } from '../store/tenant-keys';
import type { Logger } from '../telemetry/logger';
import { firewallOf } from './firewall';
import { contextOf } from './request-context';

/** The one place where errors become answers (spec/orchestration.md 1.12). */
export function createErrorHandler(log: Logger) {
  return function answerError(
    error: unknown,
    _request: Request,
    response: Response,
    next: NextFunction,
  ): void {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof GatewayError) {
      response.locals['error'] = error.code;
      answerGatewayError(error, response);
      return;
    }
    const known = asConclaveError(error);
    response.locals['error'] = known.detail ?? known.code;
    const context = contextOf(response);
    // What is refused for a reason of ours has a cause.
    if (known.status >= 500 || known.cause !== undefined) {
      log.error(
        {
          error,
          ...(typeof known.cause === 'string' && { cause: known.cause }),
          request_id: context.requestId,
          correlation_id: context.correlationId,
          principal: (response.locals['identity'] as Identity | undefined)?.subject ?? null,
        },
        'request failed',
      );
    }
    const { retryable, fallbackUsed } = canonicalErrors[known.code];
    const body: ErrorResponse = {
      error_code: known.code,
      message: known.message,
      detail: known.detail,
      retryable,
      fallback_used: fallbackUsed,
      request_id: context.requestId,
      correlation_id: context.correlationId,
      timestamp: new Date().toISOString(),
      field_errors: [...known.fieldErrors],
      retry_after_seconds: known.retryAfterSeconds,
      response: null,
      details: known.details,
    };
    if (known.retryAfterSeconds !== null)
      response.set('Retry-After', String(Math.ceil(known.retryAfterSeconds)));
    if (known.code === 'UNAUTHORIZED' && !response.hasHeader('WWW-Authenticate'))
      response.set('WWW-Authenticate', 'Bearer');
    response.status(known.status).json(body);
  };
}

/** The one shape of all errors, with what gateway paths add to it (spec/README.md "Error body"). */
function answerGatewayError(error: GatewayError, response: Response): void {
  const context = contextOf(response);
  const { retryAfterSeconds } = error.options;
  response.set(error.options.headers ?? {});
  if (retryAfterSeconds !== undefined) response.set('Retry-After', String(Math.ceil(retryAfterSeconds)));
  response.status(error.status).json({
    error_code: error.code,
    code: error.code,
    error: error.code.toLowerCase(),
    message: error.message,
    retryable: gatewayErrors[error.code].retryable,
    fallback_used: false,
    request_id: context.requestId,
    correlation_id: context.correlationId,
    timestamp: new Date().toISOString(),
    retry_after_seconds: retryAfterSeconds ?? null,
    details: error.options.details ?? null,
  });
}

export function notFound(request: Request): never {
  firewallOf(request).readHead(request);
  throw new ConclaveError('INVALID_REQUEST', 'there is nothing here; see /api/v1/docs for what there is', {
    status: 404,
    detail: 'route_not_found',
  });
}

/** What went wrong as an error of the contract; what nobody foresaw is an INTERNAL_ERROR. */
export function asConclaveError(error: unknown): ConclaveError {
  if (error instanceof ConclaveError) return error;
  const { type, status, limit } = (error ?? {}) as { type?: unknown; status?: unknown; limit?: unknown };
  if (type === 'entity.too.large') {
    return new ConclaveError('INVALID_REQUEST', `the body is larger than ${Number(limit)} bytes`, {
      detail: 'body_too_large',
    });
  }
  if (error instanceof TenantKeyDestroyedError) return tenantErased();
  if (error instanceof URIError) {
    return new ConclaveError('INVALID_REQUEST', 'the path is not well-formed', { detail: 'malformed_path' });
  }
  if (type === 'request.aborted' || type === 'encoding.unsupported' || status === 400 || status === 415) {
    return new ConclaveError('INVALID_REQUEST', 'the body could not be read', { detail: 'unreadable_body' });
  }
  return new ConclaveError('INTERNAL_ERROR', 'something went wrong on our side');
}
