import '../contract/tenant-onboarding';
import '../contract/tenant-operations';
import { answer, common, errors, json, notFound, pathParameter } from './openapi-parts';

/** Paths of what is done to tenants as a whole. `DELETE /tenants/{tenant_id}` is {@link eraseTenant}. */
export function tenantLifecyclePaths() {
  const tenant = pathParameter('tenant_id');
  return {
    '/tenants/{tenant_id}/operations': {
      get: {
        operationId: 'listTenantOperations',
        summary: 'What was done to a tenant as a whole, the latest 100 first',
        parameters: [tenant, ...common],
        responses: { '200': answer('Operations', 'TenantOperationList'), ...errors, ...notFound },
      },
    },
    '/tenants/{tenant_id}/onboarding': {
      post: {
        operationId: 'onboardTenant',
        summary: 'Make a tenant with all that it needs: its record, its data key, its first API key',
        description:
          'For super admins. A durable workflow: follow it at `Location`. It is finished or undone; asked for the same again, it is answered with. The key is shown once, by `takeOnboardingSecret`.',
        parameters: [tenant, ...common],
        requestBody: { required: true, content: json('OnboardTenant') },
        responses: {
          '200': answer('It was made before', 'TenantOperation'),
          '202': answer('It is being made', 'TenantOperation'),
          ...errors,
          ...notFound,
          '403': answer('INSUFFICIENT_RBAC: `platform_only`', 'ErrorResponse'),
          '409': answer('INVALID_REQUEST: `tenant_exists`', 'ErrorResponse'),
        },
      },
    },
    '/tenants/{tenant_id}/onboarding/{operation_id}/secret': {
      post: {
        operationId: 'takeOnboardingSecret',
        summary: 'Show the first API key of a new tenant, once, and no later than an hour after it was made',
        parameters: [tenant, pathParameter('operation_id'), ...common],
        responses: {
          '200': answer('The key', 'OnboardingSecret'),
          ...errors,
          ...notFound,
          '403': answer('INSUFFICIENT_RBAC: `platform_only`', 'ErrorResponse'),
          '409': answer('INVALID_REQUEST: `secret_not_there`', 'ErrorResponse'),
        },
      },
    },
    '/tenants/{tenant_id}/exports': {
      post: {
        operationId: 'exportTenant',
        summary: 'Write down all that is a tenant’s, as NDJSON files with a signed manifest, kept for a day',
        description:
          'A durable workflow: follow it at `Location`. While one is under way it is answered with. Contents and secrets are in no file.',
        parameters: [tenant, ...common],
        responses: {
          '202': answer('It is being exported', 'TenantOperation'),
          ...errors,
          ...notFound,
          '409': answer('INVALID_REQUEST: `tenant_deleted`', 'ErrorResponse'),
        },
      },
    },
    '/tenants/{tenant_id}/exports/{operation_id}/files/{file}': {
      get: {
        operationId: 'tenantExportFile',
        summary: 'A file of an export, by its name in the manifest',
        parameters: [tenant, pathParameter('operation_id'), pathParameter('file'), ...common],
        responses: {
          '200': {
            description: 'Its lines, each a JSON object',
            content: { 'application/x-ndjson': { schema: { type: 'string' } } },
          },
          ...errors,
          ...notFound,
          '409': answer('INVALID_REQUEST: `export_not_completed`', 'ErrorResponse'),
        },
      },
    },
    '/tenants/{tenant_id}/operations/{operation_id}': {
      get: {
        operationId: 'getTenantOperation',
        summary: 'How far an operation is; in the end its signed report',
        parameters: [tenant, pathParameter('operation_id'), ...common],
        responses: { '200': answer('The operation', 'TenantOperation'), ...errors, ...notFound },
      },
    },
  };
}

export const eraseTenant = {
  operationId: 'eraseTenant',
  summary: 'Erase a suspended tenant for good: its keys, then every row; with a signed report in the end',
  description:
    'For super admins. A durable workflow that nothing undoes or stops: follow it at `Location`. Once it has ended the answer is its report, however often it is asked for.',
  parameters: [pathParameter('tenant_id'), ...common],
  responses: {
    '200': answer('It was erased before: the report', 'TenantOperation'),
    '202': answer('It is being erased', 'TenantOperation'),
    ...errors,
    ...notFound,
    '403': answer('INSUFFICIENT_RBAC: `platform_only`', 'ErrorResponse'),
    '409': answer('INVALID_REQUEST: `tenant_not_suspended`', 'ErrorResponse'),
  },
};
