import { randomUUID } from 'node:crypto';
import { AuditLog, everyTenant } from './audit-log';
import type { Db } from './database';

/** Puts on record which secrets are read, by name. Nobody waits for it. */
export function auditedSecretReads(db: Db, log: { error(fields: object, message: string): void }) {
  const audit = new AuditLog(db);
  return (read: { readonly reference: string; readonly outcome: 'read' | 'refused' }): void => {
    audit
      .append({ tenant_id: everyTenant, request_id: randomUUID(), kind: 'secret_read', record: read })
      .catch((error: unknown) => log.error({ error }, 'the reading of a secret was not put on record'));
  };
}
