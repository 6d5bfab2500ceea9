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

/** What was sealed for it opens nowhere any more; its rows may still be going. */
export function tenantErased(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'the tenant is erased: what was its cannot be read any more', {
    status: 404,
    detail: 'tenant_erased',
  });
}
