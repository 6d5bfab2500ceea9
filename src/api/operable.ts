import type { Request } from 'express';
import { ConclaveError } from '../contract/errors';
import { isOperableId } from '../domain/registry';
import { identityOf } from './principal';

/**
 * What others would feel is for who runs the installation; a tenant has its own.
 * @throws ConclaveError INSUFFICIENT_RBAC `shared_needs_platform`
 */
export function requireOperable(request: Request, endpointId: string): void {
  if (isOperableId(endpointId, identityOf(request).tenantId)) return;
  throw new ConclaveError('INSUFFICIENT_RBAC', 'all tenants share this upstream', {
    detail: 'shared_needs_platform',
  });
}
