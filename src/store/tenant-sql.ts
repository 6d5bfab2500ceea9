import { type ClientBase, type Connection, escapeLiteral, Query, type QueryResult } from 'pg';
import { serviceRole, tenantRole } from '../contract/database-roles';

const turnInto = `select set_config('role', $1, true), set_config('app.current_tenant_id', $2, true)`;

/** For the rest of a transaction, or of a savepoint that is undone. Null: the service again. */
export function becoming(tenantId: string | null): string {
  const [role, tenant] = roleAndTenant(tenantId).map(escapeLiteral);
  return `select set_config('role', ${role!}, true), set_config('app.current_tenant_id', ${tenant!}, true)`;
}

/**
 * One statement as a tenant: that and what turns the session into the tenant's are sent together, and are one transaction
 * since nothing between them says that it is to end (the protocol's `Sync`). It takes no other way there and back.
 */
export function queryAsTenant(
  client: ClientBase,
  tenantId: string | null,
  statement: string,
  parameters: readonly unknown[],
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // Without parameters, too: the simple protocol would end the transaction before it.
    const config = { text: statement, values: [...parameters], queryMode: 'extended' };
    const query = new Query(config, (error: Error | null | undefined, results: unknown) => {
      if (error) reject(error);
      else resolve((results as QueryResult[]).at(-1));
    });
    const submit = query.submit.bind(query);
    query.submit = (connection) => {
      connection.stream.cork();
      try {
        become(connection, tenantId);
        return submit(connection);
      } finally {
        connection.stream.uncork();
      }
    };
    client.query(query);
  });
}

function become(connection: Connection, tenantId: string | null): void {
  connection.parse({ name: '', text: turnInto, types: [] }, true);
  connection.bind({ values: roleAndTenant(tenantId) }, true);
  connection.describe({ type: 'P' }, true);
  connection.execute({}, true);
}

function roleAndTenant(tenantId: string | null): [string, string] {
  return tenantId === null ? [serviceRole, ''] : [tenantRole, tenantId];
}
