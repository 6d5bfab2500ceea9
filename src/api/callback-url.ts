import { ConclaveError } from '../contract/errors';
import type { SentRequest } from '../contract/request';

export interface CallbackRules {
  /** What keeps the tenant from being called back there; null when nothing does. */
  refusalOf(tenantId: string, url: string): string | null;
}

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
  if (typeof url !== 'string') throw callbackRefused('must be a text');
  const refusal = rules.refusalOf(sent.tenant_id, url);
  if (refusal !== null) throw callbackRefused(refusal);
  return { ...sent, metadata, callback_url: url };
}

/** Items of bulk jobs are no jobs. */
export function refuseCallback({ metadata }: Pick<SentRequest, 'metadata'>): void {
  if (metadata !== undefined && 'callback_url' in metadata)
    throw callbackRefused('is not for the items of a bulk job: poll the job, or follow its events');
}

function callbackRefused(message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `metadata.callback_url ${message}`, {
    detail: 'callback_not_allowed',
    fieldErrors: [{ path: 'metadata.callback_url', message }],
  });
}
