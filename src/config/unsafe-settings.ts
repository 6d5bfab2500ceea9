import type { AuthSettings } from '../contract/auth-config';
import type { Settings } from '../contract/config';

/**
 * What an environment must not be run with, each with its key: valid values that are meant for a machine of one's own.
 * Nobody is asked who they are only in development; in production no policy decides that nobody else has approved, and a
 * folder that is followed would be the way around that.
 */
export function unsafeSettings({ service, security, policy, auth }: Settings): string[] {
  const { environment } = service;
  if (environment === 'development') return [];
  const faults = security.auth_disabled ? [`security.auth_disabled must be false in ${environment}`] : [];
  faults.push(...unsafeTokens(auth, environment));
  if (environment !== 'production') return faults;
  if (policy.store_type !== 'postgres') faults.push('policy.store_type must be postgres in production');
  if (!policy.require_approval) faults.push('policy.require_approval must be true in production');
  return faults;
}

/** A key that is used for more than one thing signs tokens that were meant for another. */
function unsafeTokens(auth: AuthSettings, environment: string): string[] {
  const { jwt_secret_key, jwt_private_key_path, jwt_public_key_path, jwks_url, issuer, audience } = auth;
  const keys = [jwt_secret_key, jwt_private_key_path, jwt_public_key_path, jwks_url];
  const believesTokens = keys.some((key) => key !== null);
  const faults: string[] = [];
  if (believesTokens && issuer === null) faults.push(`auth.issuer must be set in ${environment}`);
  if (believesTokens && audience === null) faults.push(`auth.audience must be set in ${environment}`);
  if (jwks_url !== null && !jwks_url.startsWith('https:')) {
    faults.push(`auth.jwks_url must begin with https:// in ${environment}`);
  }
  return faults;
}
