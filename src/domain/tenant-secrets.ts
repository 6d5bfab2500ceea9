import { ConclaveError } from '../contract/errors';
import type { DetectorRegistration } from '../contract/registration';

/** By tenant, how references to its secrets begin. */
export type TenantSecrets = Readonly<Record<string, readonly string[]>>;

type Owned = Pick<DetectorRegistration, 'tenant_id' | 'auth_config' | 'params'>;

/**
 * A tenant says itself where its detector is; a secret that it may name is one that it may have.
 * @throws ConclaveError INVALID_REQUEST for references that are not the tenant's own
 */
export function assertOwnSecrets(
  { tenant_id: tenant, auth_config, params }: Owned,
  all: TenantSecrets,
): void {
  if (tenant === undefined) return;
  const prefixes = Object.hasOwn(all, tenant) ? all[tenant]! : [];
  const named = referencesIn({ auth_config, params: { access_key: params['access_key'] } });
  const foreign = named.filter(({ reference }) => !isWithin(reference, prefixes));
  if (foreign.length === 0) return;
  const message = 'must be one of the references that security.tenant_secrets allows the tenant';
  throw new ConclaveError('INVALID_REQUEST', `${foreign[0]!.path} ${message}`, {
    detail: 'secret_not_allowed',
    fieldErrors: foreign.map(({ path }) => ({ path, message })),
  });
}

/** What leads upwards, plain or in disguise, is within nothing. */
function isWithin(reference: string, prefixes: readonly string[]): boolean {
  return !/\.\.|[%\\]/.test(reference) && prefixes.some((prefix) => reference.startsWith(prefix));
}

function referencesIn(value: object, at = ''): { readonly path: string; readonly reference: string }[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const path = at === '' ? key : `${at}.${key}`;
    if (typeof inner === 'object' && inner !== null) return referencesIn(inner, path);
    return key.endsWith('_ref') && typeof inner === 'string' ? [{ path, reference: inner }] : [];
  });
}
