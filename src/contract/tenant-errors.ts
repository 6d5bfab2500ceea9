import { ConclaveError } from './errors';

/** Also for those of others. */
export function tenantNotFound(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'there is no such tenant', {
    status: 404,
    detail: 'tenant_not_found',
  });
}

export function tenantDeleted(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'the tenant has been deleted', {
    status: 409,
    detail: 'tenant_deleted',
  });
}
