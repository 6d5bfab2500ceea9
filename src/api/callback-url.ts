import type { Request } from 'express';
import { ConclaveError } from '../contract/errors';
import type { SentRequest } from '../contract/request';

export interface CallbackRules {
  /** What keeps the tenant from being called back there; null when nothing does. */
  refusalOf(tenantId: string, url: string): string | null;
}

const field = 'metadata.callback_url';
const header = 'X-Callback-URL';

type NamesCallback = Pick<SentRequest, 'metadata' | 'tenant_id' | 'callback_url'>;

/**
 * Takes the callback out of the metadata, which detectors are shown (spec/orchestration.md 1.9).
 * @throws ConclaveError INVALID_REQUEST `callback_not_allowed`
 */
export function withCallback<Sent extends NamesCallback>(sent: Sent, rules: CallbackRules): Sent {
  if (sent.metadata === undefined || !('callback_url' in sent.metadata)) return sent;
  const { callback_url: url, ...others } = sent.metadata;
  const metadata = Object.keys(others).length === 0 ? undefined : others;
  if (url === null) return { ...sent, metadata };
  if (typeof url !== 'string') throw callbackRefused(field, 'must be a text');
  const refusal = rules.refusalOf(sent.tenant_id, url);
  if (refusal !== null) throw callbackRefused(field, refusal);
  return { ...sent, metadata, callback_url: url };
}

/** Whom a bulk job calls back, which its upload names in a header; null: nobody. */
export function callbackUrlOf(request: Request): string | null {
  return request.get(header) ?? null;
}

/** @throws ConclaveError INVALID_REQUEST `callback_not_allowed` */
export function requireCallback(url: string | null, tenantId: string, rules: CallbackRules): void {
  const refusal = url === null ? null : rules.refusalOf(tenantId, url);
  if (refusal !== null) throw callbackRefused(header, refusal);
}

/** Items of bulk jobs are no jobs. */
export function refuseCallback({ metadata }: Pick<SentRequest, 'metadata'>): void {
  if (metadata !== undefined && 'callback_url' in metadata)
    throw callbackRefused(field, `is not for the items of a bulk job: upload them with ${header}`);
}

function callbackRefused(path: string, message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `${path} ${message}`, {
    detail: 'callback_not_allowed',
    fieldErrors: [{ path, message }],
  });
}
