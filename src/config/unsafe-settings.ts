import type { Settings } from '../contract/config';

/**
 * What an environment must not be run with, each with its key: valid values that are meant for a machine of one's own.
 * Nobody is asked who they are only in development; in production no policy decides that nobody else has approved, and a
 * folder that is followed would be the way around that.
 */
export function unsafeSettings({ service, security, policy }: Settings): string[] {
  const { environment } = service;
  if (environment === 'development') return [];
  const faults = security.auth_disabled ? [`security.auth_disabled must be false in ${environment}`] : [];
  if (environment !== 'production') return faults;
  if (policy.store_type !== 'postgres') faults.push('policy.store_type must be postgres in production');
  if (!policy.require_approval) faults.push('policy.require_approval must be true in production');
  return faults;
}
