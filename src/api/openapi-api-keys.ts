import '../contract/api-keys';
import { answer, common, errors, json, notFound, pageToken, pathParameter, query } from './openapi-parts';

const refused = (details: string) => ({ '403': answer(`INSUFFICIENT_RBAC: ${details}`, 'ErrorResponse') });

/** Paths of API keys. */
export function apiKeyPaths() {
  const parameters = [pathParameter('key_id'), ...common];
  return {
    '/api-keys': {
      post: {
        operationId: 'createApiKey',
        summary: 'Make a key; it is shown in this answer and never again',
        description:
          'For the tenant of the credential; `tenant_id: null` makes a key of the installation. Nobody gives a key what they may not do themselves.',
        parameters: common,
        requestBody: { required: true, content: json('NewApiKey') },
        responses: {
          '201': answer('The key', 'CreatedApiKey'),
          ...errors,
          ...refused('`cannot_grant`, `tenant_mismatch`'),
        },
      },
      get: {
        operationId: 'listApiKeys',
        summary: 'Keys of the tenant, the latest first; ended ones too',
        parameters: [
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          pageToken,
          ...common,
        ],
        responses: { '200': answer('A page of them', 'ApiKeyList'), ...errors },
      },
    },
    '/api-keys/{key_id}/rotate': {
      post: {
        operationId: 'rotateApiKey',
        summary: 'Another key that may do the same; the old one is good for `grace_hours` yet',
        parameters: [
          query('grace_hours', { type: 'number', minimum: 0, maximum: 168, default: 24 }),
          ...parameters,
        ],
        responses: {
          '201': answer('The new key', 'CreatedApiKey'),
          ...errors,
          ...notFound,
          ...refused('`cannot_grant`'),
          '409': answer('INVALID_REQUEST: `key_not_active`', 'ErrorResponse'),
        },
      },
    },
    '/api-keys/{key_id}': {
      delete: {
        operationId: 'revokeApiKey',
        summary: 'Have a key known no more, on every replica within a second',
        parameters,
        responses: { '204': { description: 'It is revoked' }, ...errors, ...notFound },
      },
    },
  };
}
