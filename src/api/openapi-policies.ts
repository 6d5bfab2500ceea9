import '../contract/gateway-error';
import '../contract/policy-store';
import { answer, common, errors, header, json, notFound, pageToken, query } from './openapi-parts';

const takes = (id: string) => ({ required: true, content: json(id) });
const path = (name: string, pattern: string) => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string', pattern },
});
const versionPattern = '^\\d+\\.\\d+(\\.\\d+)?$';
const bundle = path('bundle', '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$');
const version = path('version', versionPattern);
const ifMatch = header('If-Match', 'ETag of the bundle as it was read; when it has changed since: 409');
const principal = header(
  'X-Principal',
  'Who calls, while there is no authentication, else the credential says so: who has submitted a version cannot approve it',
);
const page = [query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }), pageToken];
const conflict = (details: string) => ({ '409': answer(`INVALID_REQUEST: ${details}`, 'ErrorResponse') });
const forbidden = (details: string) => ({ '403': answer(`INSUFFICIENT_RBAC: ${details}`, 'ErrorResponse') });

/** Policies, their versions, and what becomes of these. */
export function policyPaths() {
  const change = (operationId: string, summary: string, details: string, body?: string) => ({
    post: {
      operationId,
      summary,
      parameters: [bundle, version, ifMatch, principal, ...common],
      ...(body === undefined ? {} : { requestBody: takes(body) }),
      responses: {
        '200': answer('The version', 'PolicyVersion'),
        ...errors,
        ...notFound,
        ...conflict(`\`${details}\`, \`version_conflict\``),
      },
    },
  });
  const review = change(
    'reviewPolicyVersion',
    'Approve or reject a version, or ask for changes',
    'version_not_reviewable',
    'PolicyReview',
  );
  return {
    '/policies': {
      get: {
        operationId: 'listPolicies',
        summary: 'Bundles of the tenant, and what the store can do',
        parameters: [...page, ...common],
        responses: { '200': answer('A page of them, by name', 'PolicyList'), ...errors },
      },
    },
    '/policies/{bundle}': {
      get: {
        operationId: 'getPolicy',
        summary: 'The version that decides, or another, with its texts',
        parameters: [bundle, query('version', { type: 'string', pattern: versionPattern }), ...common],
        responses: {
          '200': {
            ...answer('The version; ETag is for If-Match', 'PolicyDocument'),
            headers: { ETag: { schema: { type: 'string' } } },
          },
          ...errors,
          ...notFound,
        },
      },
      put: {
        operationId: 'putPolicy',
        summary: 'A new version',
        description:
          'It is judged first, as by `/policies/validate`: fields, Rego, tests, fixtures. What is at fault is 400 `policy_invalid` with the verdict in `details.report`, and the version before it goes on deciding. A version decides at once, on every replica within a second of the answer, unless it is a draft or requires approval. A running orchestration keeps the version that it began with.',
        parameters: [bundle, ifMatch, principal, ...common],
        requestBody: takes('PutPolicy'),
        responses: {
          '201': answer('The version; `Location` is where its texts are', 'PolicyVersion'),
          ...errors,
          ...forbidden(
            '`approval_required`, `tenant_mismatch`; RATE_LIMITED: `overloaded`, too many are judged already, or the machine has no room for it now',
          ),
          ...conflict('`version_exists`, `version_too_low`, `version_conflict`'),
          '500': answer(
            'INTERNAL_ERROR: `compiler_unavailable`, there is no opa for the Rego',
            'ErrorResponse',
          ),
        },
      },
      delete: {
        operationId: 'deletePolicy',
        summary: 'Have nothing decide under this name any more; versions stay on record',
        parameters: [bundle, ifMatch, principal, ...common],
        responses: {
          '204': { description: 'Requests are POLICY_NOT_FOUND from now on' },
          ...errors,
          ...notFound,
          ...conflict('`version_conflict`'),
        },
      },
    },
    '/policies/{bundle}/versions': {
      get: {
        operationId: 'listPolicyVersions',
        parameters: [bundle, ...page, ...common],
        responses: {
          '200': answer('A page of them, the latest first', 'PolicyVersionList'),
          ...errors,
          ...notFound,
        },
      },
    },
    '/policies/{bundle}/diff': {
      get: {
        operationId: 'diffPolicyVersions',
        parameters: [
          bundle,
          { ...query('from', { type: 'string', pattern: versionPattern }), required: true },
          { ...query('to', { type: 'string', pattern: versionPattern }), required: true },
          ...common,
        ],
        responses: { '200': answer('What one says differently', 'PolicyDiff'), ...errors, ...notFound },
      },
    },
    '/policies/{bundle}/versions/{version}/submit': change(
      'submitPolicyVersion',
      'Show a draft to reviewers',
      'version_not_submittable',
    ),
    '/policies/{bundle}/versions/{version}/review': {
      post: {
        ...review.post,
        responses: { ...review.post.responses, ...forbidden('`approver_is_submitter`') },
      },
    },
    '/policies/{bundle}/versions/{version}/activate': change(
      'activatePolicyVersion',
      'Have an approved version decide',
      'version_not_activatable',
    ),
    '/policies/{bundle}/versions/{version}/rollback': change(
      'rollBackPolicy',
      'Have a copy of an approved version decide again',
      'version_not_rollbackable',
      'PolicyRollback',
    ),
    '/policies/migrate': {
      post: {
        operationId: 'migratePolicies',
        summary: 'Bring active versions into the current shape, as new versions; may be repeated',
        parameters: [principal, ...common],
        requestBody: takes('MigratePolicies'),
        responses: {
          '200': answer('What was, or would be, done', 'PoliciesMigrated'),
          ...errors,
          ...notFound,
        },
      },
    },
  };
}
