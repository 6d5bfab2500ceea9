import { ConclaveError } from '../contract/errors';
import type { PolicyVersion } from '../contract/policy-store';
import type { PutShadow, Shadow, ShadowView } from '../contract/shadow';

const dayMs = 86_400_000;
const longestDays = 30;

/** @param active the version that decides */
export function shadowStatus(
  { endedAt, expiresAt, version }: Pick<Shadow, 'endedAt' | 'expiresAt' | 'version'>,
  active: string | null,
  now: number,
): ShadowView['status'] {
  if (endedAt !== null) return 'ended';
  if (version === active) return 'activated';
  return expiresAt.getTime() <= now ? 'expired' : 'running';
}

/** @throws ConclaveError 400 `validation_failed`, 409 `version_not_shadowable` */
export function assertShadowable(
  { version, status, active }: PolicyVersion,
  { expires_at }: PutShadow,
  now: number,
): void {
  if (active) throw notShadowable(`version ${version} decides already`);
  if (status !== 'approved' && status !== 'pending_approval')
    throw notShadowable(
      `version ${version} is ${status}; only one that is approved or pending approval can run`,
    );
  const end = Date.parse(expires_at);
  if (end <= now) throw badExpiry('must be in the future');
  if (end > now + longestDays * dayMs) throw badExpiry(`must be within ${longestDays} days`);
}

function notShadowable(message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, {
    status: 409,
    detail: 'version_not_shadowable',
    fieldErrors: [{ path: 'version', message }],
  });
}

function badExpiry(message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `expires_at ${message}`, {
    detail: 'validation_failed',
    fieldErrors: [{ path: 'expires_at', message }],
  });
}
