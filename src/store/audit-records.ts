import type { Db } from './database';

export interface AuditRecord {
  readonly tenantId: string;
  readonly requestId: string;
  /** Whatever was recorded, by whichever release. */
  readonly record: unknown;
}

/** Reads table `audit`. */
export class AuditRecords {
  constructor(private readonly db: Db) {}

  /** How an orchestration ended; null when it has not, or is not the tenant's. Null for a tenant: any. */
  async ending(requestId: string, tenantId: string | null): Promise<AuditRecord | null> {
    let matching = this.db
      .selectFrom('audit')
      .select(['tenant_id', 'record'])
      .where('request_id', '=', requestId)
      .where('kind', '=', 'orchestration');
    if (tenantId !== null) matching = matching.where('tenant_id', '=', tenantId);
    const row = await matching.orderBy('sequence').executeTakeFirst();
    return row ? { tenantId: row.tenant_id, requestId, record: row.record } : null;
  }
}
