import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import { tenantPattern } from '../contract/text';
import { MapperError, type RequestIdentity } from './errors';

export interface RequestLocals extends RequestIdentity {
  /** `X-Tenant-ID` when it is well formed. */
  readonly tenant: string | undefined;
  /** The caller showed the configured service key. */
  trusted: boolean;
}

export function localsOf(response: Response): RequestLocals {
  return response.locals as RequestLocals;
}

/** Gives each request its ids and echoes them; a missing or malformed correlation id is replaced. */
export const identifyRequest: RequestHandler = function identifyRequest(request, response, next) {
  const correlation = request.get('x-correlation-id');
  const tenant = request.get('x-tenant-id');
  const locals: RequestLocals = {
    requestId: randomUUID(),
    correlationId:
      correlation !== undefined && /^[\x21-\x7e]{1,128}$/.test(correlation) ? correlation : randomUUID(),
    tenant: tenant !== undefined && tenantPattern.test(tenant) ? tenant : undefined,
    trusted: false,
  };
  Object.assign(response.locals, locals);
  response.set('X-Request-ID', locals.requestId).set('X-Correlation-ID', locals.correlationId);
  if (tenant !== undefined && locals.tenant === undefined) {
    throw new MapperError('INVALID_REQUEST', 'X-Tenant-ID must be 1-64 letters, digits, `_` or `-`.', {
      detail: 'tenant_header',
    });
  }
  next();
};

/** Compares a presented `X-API-Key` with the service key; without a configured key the header means nothing. */
export function recognizeService(serviceKey: string | undefined): RequestHandler {
  const expected = serviceKey === undefined ? undefined : sha256(serviceKey);
  return function recognizeServiceKey(request, response, next) {
    const presented = request.get('x-api-key');
    if (expected !== undefined && presented !== undefined) {
      if (!timingSafeEqual(sha256(presented), expected))
        throw new MapperError('UNAUTHORIZED', 'The API key is unknown.');
      localsOf(response).trusted = true;
    }
    next();
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
