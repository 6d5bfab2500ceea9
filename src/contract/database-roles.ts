/** Does the service's own work: it sees all tenants, owns nothing and cannot bypass row-level security. */
export const serviceRole = 'conclave_service';

/** Sees and writes rows of the one tenant that `app.current_tenant_id` names. */
export const tenantRole = 'conclave_tenant';
