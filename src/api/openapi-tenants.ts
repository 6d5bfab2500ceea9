import '../contract/tenants';
import { answer, common, errors, json, notFound, pathParameter, query } from './openapi-parts';
import { eraseTenant, tenantLifecyclePaths } from './openapi-tenant-lifecycle';

/** Paths of tenants. */
export function tenantPaths() {
  const parameters = [pathParameter('tenant_id'), ...common];
  return {
    '/tenants': {
      get: {
        operationId: 'listTenants',
        summary: 'All tenants that have a record, for super admins; for others their own',
        parameters: [
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          query('page_token', { type: 'string' }),
          ...common,
        ],
        responses: { '200': answer('A page of them, by id', 'TenantList'), ...errors },
      },
    },
    '/tenants/{tenant_id}': {
      get: {
        operationId: 'getTenant',
        summary: 'What a tenant may and wants',
        parameters,
        responses: { '200': answer('The tenant', 'TenantInfo'), ...errors, ...notFound },
      },
      put: {
        operationId: 'putTenant',
        summary: 'Make or change a tenant, on every replica within a second; what is left out stays',
        description:
          'Super admins make tenants and change everything; a tenant changes its own `callback_hosts`, `auto_map_results` and `allow_async_conversion`. Of a tenant that is not `active` no work is taken on, and its credentials are refused.',
        parameters,
        requestBody: { required: true, content: json('PutTenant') },
        responses: {
          '200': answer('The tenant as it is now', 'TenantInfo'),
          ...errors,
          ...notFound,
          '403': answer('INSUFFICIENT_RBAC: `platform_only`', 'ErrorResponse'),
          '409': answer('INVALID_REQUEST: `tenant_deleted`', 'ErrorResponse'),
        },
      },
      delete: eraseTenant,
    },
    ...tenantLifecyclePaths(),
  };
}
