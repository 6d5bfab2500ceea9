import { DatabaseError } from 'pg';
import { serviceRole, tenantRole } from '../contract/database-roles';

/** The database does not let us do what keeps tenants apart. */
export class RowSecurityError extends Error {
  override readonly name = 'RowSecurityError';
  constructor(cause: unknown) {
    super(
      `The database cannot keep tenants apart: ${cause instanceof Error ? cause.message : 'unknown reason'}.\n` +
        `  Remedy: once as a superuser, where they are not there: create role ${serviceRole}; create role ${tenantRole};\n` +
        `  then: grant ${serviceRole}, ${tenantRole} to <the login of ORCHESTRATION_DATABASE_URL>;\n` +
        '  and, where that login does not own the tables, `conclave setup` with the login that does. See docs/operations.md',
      { cause },
    );
  }
}

/** Whether a session was refused since it was to be the service's: there is no such role, or the login may not act as it. */
export function refusesTheService(error: unknown): boolean {
  return error instanceof DatabaseError && error.message.includes(`role "${serviceRole}"`);
}
