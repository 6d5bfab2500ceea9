import type { AuditRow } from '../store/audit-log';

/** What was done on the command line, on record as calls of the API are (docs/audit.md). */
export function operationHere(
  tenantId: string,
  change: { readonly action: string; readonly target: object },
  requestId: string,
): AuditRow {
  const who = { principal: 'cli', principal_kind: 'command_line', roles: [], address: null };
  return {
    tenant_id: tenantId,
    request_id: requestId,
    kind: 'operation',
    record: { ...who, ...change, outcome: 'done' },
  };
}
