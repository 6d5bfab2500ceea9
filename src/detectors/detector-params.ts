import { type DetectorParams, paramsSchemas } from '../contract/detector-params';
import type { Protocol } from '../contract/protocols';
import type { DetectorRequest } from './adapter';
import { DetectorCallError } from './call-error';

/**
 * The parameters of a call with their defaults. A registration is checked when it is made; what is wrong here was
 * planned by another version.
 * @throws DetectorCallError
 */
export function paramsFor<P extends Protocol>(protocol: P, { call }: DetectorRequest): DetectorParams<P> {
  const parsed = paramsSchemas[protocol].safeParse(call.params);
  if (parsed.success) return parsed.data as DetectorParams<P>;
  throw unusable('the parameters of the registration do not fit its protocol');
}

/** Something of ours, not of the detector, makes a call impossible. */
export function unusable(message: string): DetectorCallError {
  return new DetectorCallError('plugin_error', message, { retryable: false });
}
