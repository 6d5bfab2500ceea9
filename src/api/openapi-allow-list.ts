import '../contract/allow-list';
import { allowListStatuses } from '../contract/allow-list';
import { answer, common, errors, header, idAfter, json, notFound, pageNumber, query } from './openapi-parts';

const entryId = {
  name: 'entry_id',
  in: 'path',
  required: true,
  schema: { type: 'string', ...idAfter('allow') },
};
const principal = header(
  'X-Principal',
  'Who calls, while there is no authentication: who has proposed an entry cannot approve it',
);
const name = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' };

/** Findings that are none: proposed, approved by somebody else, in force until they expire or are revoked. */
export function allowListPaths() {
  return {
    '/allow-list': {
      get: {
        operationId: 'listAllowList',
        summary: 'Entries of the tenant, the oldest first',
        parameters: [
          query('status', { type: 'string', enum: [...allowListStatuses] }),
          query('policy_bundle', name),
          query('detector', name),
          query('fingerprint', { type: 'string', pattern: '^[0-9a-f]{32}$' }),
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          pageNumber,
          ...common,
        ],
        responses: { '200': answer('A page of them', 'AllowList'), ...errors },
      },
      post: {
        operationId: 'proposeAllowListEntry',
        summary: 'Propose that findings of this fingerprint count for nothing',
        description:
          'It counts when somebody else has approved it, until it expires. A proposal that is sent again gives the entry that there is.',
        parameters: [principal, ...common],
        requestBody: { required: true, content: json('ProposeAllowListEntry') },
        responses: {
          '200': answer('It has been proposed before', 'AllowListEntry'),
          '201': answer('Proposed; `Location` is where it is', 'AllowListEntry'),
          ...errors,
          '409': answer('INVALID_REQUEST: `entry_exists`, with other words or another end', 'ErrorResponse'),
        },
      },
    },
    '/allow-list/{entry_id}': {
      get: {
        operationId: 'getAllowListEntry',
        parameters: [entryId, ...common],
        responses: { '200': answer('The entry', 'AllowListEntry'), ...errors, ...notFound },
      },
      delete: {
        operationId: 'revokeAllowListEntry',
        summary: 'Have findings of it count again, on every replica within a second; may be repeated',
        parameters: [entryId, principal, ...common],
        responses: { '204': { description: 'It stays on record' }, ...errors, ...notFound },
      },
    },
    '/allow-list/{entry_id}/approve': {
      post: {
        operationId: 'approveAllowListEntry',
        summary: 'Have findings of it count for nothing, on every replica within a second; may be repeated',
        parameters: [entryId, principal, ...common],
        responses: {
          '200': answer('The entry', 'AllowListEntry'),
          ...errors,
          '403': answer('INSUFFICIENT_RBAC: `approver_is_submitter`', 'ErrorResponse'),
          ...notFound,
          '409': answer(
            'INVALID_REQUEST: `entry_not_approvable`: it has expired, or was revoked',
            'ErrorResponse',
          ),
        },
      },
    },
  };
}
