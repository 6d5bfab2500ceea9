import type { Request, Response } from 'express';
import { ConclaveError } from '../contract/errors';
import type { ChangedBy } from '../contract/changed-by';
import { anonymous, type Identity } from '../contract/identity';
import type { Asked } from '../contract/plan';
import { contextOf } from './request-context';

export interface NamesOnRecord {
  /** How records name a principal: an e-mail address is nobody's business. */
  readonly nameOf: (principal: string) => string;
}

const form = /^[\x21-\x7e]{1,100}$/;

/** Who calls. @throws Error for a request that has not come past the gate */
export function identityOf(request: Request): Identity {
  const identity = request.res!.locals['identity'] as Identity | undefined;
  if (identity) return identity;
  throw new Error('nobody has asked who calls');
}

/**
 * Who calls, for what must be known of a change. While there is no authentication it is who the caller says, and
 * everybody who says nothing is the same one.
 * @throws ConclaveError INVALID_REQUEST `invalid_principal_header`
 */
export function principalOf(request: Request): string {
  return identityOf(request).method === 'none' ? saidToBe(request) : identityOf(request).subject;
}

/**
 * As {@link principalOf}, for what somebody else must approve: all keys that somebody has made are that one person's.
 */
function authorOf(request: Request): string {
  return identityOf(request).method === 'none' ? saidToBe(request) : identityOf(request).owner;
}

function saidToBe(request: Request): string {
  const named = request.get('x-principal');
  if (named === undefined) return anonymous.subject;
  if (form.test(named)) return named;
  const message = 'must be 1-100 visible ASCII characters';
  throw new ConclaveError('INVALID_REQUEST', `X-Principal ${message}`, {
    detail: 'invalid_principal_header',
    fieldErrors: [{ path: 'X-Principal', message }],
  });
}

/** Who asks for a change, for the record of it. @throws as {@link principalOf} */
export function changedBy(request: Request, response: Response): ChangedBy {
  return by(principalOf(request), response);
}

/** As {@link changedBy}, for what somebody else must approve. @throws as {@link principalOf} */
export function authoredBy(request: Request, response: Response): ChangedBy {
  return by(authorOf(request), response);
}

function by(principal: string, response: Response): ChangedBy {
  const { requestId, correlationId } = contextOf(response);
  return { principal, requestId, correlationId };
}

export interface TenantCaller {
  /** Whose tenant alone is the caller's business; `null` for all. */
  readonly tenantId: string | null;
  readonly by: ChangedBy;
}

/** Who asks for something of a tenant. @throws as {@link principalOf} */
export function tenantCallerOf(request: Request, response: Response): TenantCaller {
  return { tenantId: identityOf(request).tenantId, by: changedBy(request, response) };
}

/** What is on record of whoever has something judged. @throws as {@link principalOf} */
export function askedBy(request: Request): Asked {
  const { nameOf } = request.app.locals['names'] as NamesOnRecord;
  return { principal: nameOf(principalOf(request)), endpoint: endpointOf(request) };
}

/** Method and template of the route, not the path: that is the caller's to make up. */
export function endpointOf(request: Request): string {
  const template = (request.route as { path?: unknown } | undefined)?.path ?? request.baseUrl;
  return `${request.method} ${typeof template === 'string' ? template : 'several'}`;
}
