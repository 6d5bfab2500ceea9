import { answer, common, errors, query } from './openapi-parts';

const name = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' };

/** Paths of what is kept of answers. */
export function cachePaths() {
  return {
    '/cache': {
      delete: {
        operationId: 'invalidateCache',
        summary: 'Give no kept answer of a bundle, or of a detector, any more',
        description:
          'Names either `detector`, or both `tenant_id` and `policy_bundle`. Every replica has heard of it within a second. Audited.',
        parameters: [
          query('tenant_id', { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' }),
          query('policy_bundle', name),
          query('detector', name),
          ...common,
        ],
        responses: {
          '204': { description: 'What was kept before is not given any more' },
          '403': answer('INSUFFICIENT_RBAC: `tenant_mismatch`', 'ErrorResponse'),
          ...errors,
        },
      },
    },
  };
}
