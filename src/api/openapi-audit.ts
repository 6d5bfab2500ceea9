import '../contract/audit';
import { auditFormats } from '../domain/audit-formats';
import { answer, common, errors, notFound, pageNumber, pathParameter, query } from './openapi-parts';

const range = [
  query('from', { type: 'string', format: 'date-time' }),
  query('to', { type: 'string', format: 'date-time' }),
];
const kind = query('kind', { type: 'string', pattern: '^[a-z][a-z0-9_]{0,49}$' });

/** Paths of the audit log. */
export function auditPaths() {
  return {
    '/audit': {
      get: {
        operationId: 'listAudit',
        summary: 'What was decided and done, of the tenant, oldest first',
        description:
          'Super admins who name no tenant read all. `position`, `previous_hash` and `hash` are null until a record is sealed, which takes a second.',
        parameters: [
          ...range,
          kind,
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          pageNumber,
          ...common,
        ],
        responses: { '200': answer('A page of records', 'AuditList'), ...errors },
      },
    },
    '/audit/export': {
      get: {
        operationId: 'exportAudit',
        summary: 'The same as a stream: newline-delimited JSON, CEF, or syslog (RFC 5424)',
        parameters: [
          query('format', { type: 'string', enum: [...auditFormats], default: 'ndjson' }),
          ...range,
          kind,
          ...common,
        ],
        responses: {
          '200': {
            description: 'A record a line',
            content: {
              'application/x-ndjson': { schema: { type: 'string' } },
              'text/plain': { schema: { type: 'string' } },
            },
          },
          ...errors,
        },
      },
    },
    '/audit/verify': {
      get: {
        operationId: 'verifyAudit',
        summary: "Whether the tenant's chain is intact, and its first break if not",
        parameters: [...range, ...common],
        responses: { '200': answer('What was found', 'AuditVerification'), ...errors },
      },
    },
    '/audit/{request_id}': {
      get: {
        operationId: 'getAudit',
        summary: 'All that is on record of one request',
        parameters: [pathParameter('request_id', undefined, { format: 'uuid' }), ...common],
        responses: { '200': answer('Its records, in order', 'AuditTrail'), ...errors, ...notFound },
      },
    },
  };
}
