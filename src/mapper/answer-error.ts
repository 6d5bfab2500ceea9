import type { ErrorRequestHandler, RequestHandler } from 'express';
import { errorBody, internalError, MapperError } from './errors';
import { countError } from './mapping';
import type { MapperMetrics } from './metrics';
import { localsOf } from './request-identity';

/** Where the service reports what an operator must know; pino fits. */
export interface MapperLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const answerNotFound: RequestHandler = function answerNotFound() {
  throw new MapperError('NOT_FOUND', 'There is no such path.');
};

/** Turns whatever was thrown into the contract's error body; an unexpected error is logged by name, not by message. */
export function answerErrors(metrics: MapperMetrics, logger: MapperLogger | undefined): ErrorRequestHandler {
  return function answerError(error: unknown, _request, response, next) {
    if (response.headersSent) return next(error);
    const known = error instanceof MapperError ? error : (bodyError(error) ?? internalError());
    const identity = localsOf(response);
    if (known.code === 'INTERNAL_ERROR') {
      const name = error instanceof Error ? error.name : typeof error;
      logger?.error({ error: name, correlation_id: identity.correlationId }, 'mapper.request_failed');
    }
    countError(metrics, known);
    // The rest of a refused body is not read, so the connection cannot carry another request.
    if (known.detail === 'body_too_large') response.set('Connection', 'close');
    response.status(known.status).json(errorBody(known, identity));
  };
}

/** Errors of the body reader carry a `type`. */
function bodyError(error: unknown): MapperError | undefined {
  if (!(error instanceof Error) || !('type' in error)) return undefined;
  switch (error.type) {
    case 'entity.too.large':
      return new MapperError('INVALID_REQUEST', 'The body is too large.', { detail: 'body_too_large' });
    case 'encoding.unsupported':
      return new MapperError('INVALID_REQUEST', 'The body must not be compressed.', {
        detail: 'content_encoding',
        status: 415,
      });
    case 'request.aborted':
    case 'request.size.invalid':
      return new MapperError('INVALID_REQUEST', 'The body is incomplete.', { detail: 'incomplete_body' });
    default:
      return undefined;
  }
}
