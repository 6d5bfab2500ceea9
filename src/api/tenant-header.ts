import type { Request } from 'express';
import { ConclaveError } from '../contract/errors';
import { tenantPattern } from '../contract/text';
import { identityOf } from './principal';

/**
 * The tenant that a call is for: that of the credential, or what X-Tenant-ID says where the credential is bound to none;
 * null when nothing says.
 * @throws ConclaveError INVALID_REQUEST `invalid_tenant_header`
 */
export function tenantOf(request: Request): string | null {
  return identityOf(request).tenantId ?? namedTenantOf(request);
}

/**
 * The tenant that X-Tenant-ID names; null without the header.
 * @throws ConclaveError INVALID_REQUEST `invalid_tenant_header`
 */
export function namedTenantOf(request: Request): string | null {
  const tenant = request.get('x-tenant-id');
  if (tenant === undefined) return null;
  if (tenantPattern.test(tenant)) return tenant;
  const form = 'must be 1-64 letters, digits, `_` or `-`';
  throw new ConclaveError('INVALID_REQUEST', `X-Tenant-ID ${form}`, {
    detail: 'invalid_tenant_header',
    fieldErrors: [{ path: 'X-Tenant-ID', message: form }],
  });
}

/**
 * As {@link tenantOf}, where what is asked for belongs to one tenant.
 * @throws ConclaveError INVALID_REQUEST `tenant_required`
 */
export function requiredTenant(request: Request): string {
  const tenant = tenantOf(request);
  if (tenant !== null) return tenant;
  const message = 'is required: name the tenant that this belongs to';
  throw new ConclaveError('INVALID_REQUEST', `X-Tenant-ID ${message}`, {
    detail: 'tenant_required',
    fieldErrors: [{ path: 'X-Tenant-ID', message }],
  });
}
