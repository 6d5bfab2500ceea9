import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database';

type Condition = (tenantId: string) => RawBuilder<unknown>;

const ofRuns: Condition = (tenantId) =>
  sql`run_id in (select run_id from run_key where tenant_id = ${tenantId})`;
const ofEndpoints: Condition = (tenantId) => sql`starts_with(endpoint_id, ${`${tenantId}:`})`;

/** Tables whose rows are a tenant's by way of others, or by a name that begins with its id; they go first. */
const byWay: Readonly<Record<string, Condition>> = {
  member_result: (tenantId) =>
    sql`${ofRuns(tenantId)} or request_id in (select request_id from orchestration where tenant_id = ${tenantId})`,
  blob: ofRuns,
  bulk_chunk: (tenantId) => sql`bulk_id in (select bulk_id from bulk_job where tenant_id = ${tenantId})`,
  detector_use: (tenantId) => sql`owner = ${tenantId}`,
  cache_generation: (tenantId) => sql`starts_with(scope, ${`bundle/${tenantId}/`})`,
  circuit_breaker: ofEndpoints,
  endpoint_health: ofEndpoints,
  health_check_result: ofEndpoints,
  key_rotation: (tenantId) => sql`scope = ${`tenant/${tenantId}`}`,
};

/** What stays of an erased tenant, and why: for whoever reads the report. */
export const keptTables: Readonly<Record<string, string>> = {
  audit:
    'the audit log only grows: what was done, by whom and when, without content or names; it goes after its own retention',
  audit_link: 'ties the audit log together',
  audit_checkpoint: 'signatures of the audit log',
  audit_mark: 'where the audit log begins after its retention',
  tenant: 'the id, and that it was deleted: nobody is given it again',
  tenant_key: 'versions without their keys: what was destroyed stays destroyed',
  tenant_operation: 'this report',
};

/** Of these only some rows stay. */
const goingInPart: Readonly<Record<string, Condition>> = {
  tenant_operation: (tenantId) => sql`tenant_id = ${tenantId} and kind <> 'erasure'`,
};

/** What others hang on goes last. */
const order = (table: string): number => (table === 'callback' ? 0 : table === 'run_key' ? 2 : 1);

/**
 * Every row of a tenant, wherever it is: in the tables that are named here, and in whatever table has a column
 * `tenant_id`, so that one which is added later is not forgotten.
 */
export class TenantRows {
  constructor(private readonly db: Db) {}

  /** Those that rows are deleted of, in this order. */
  async tables(): Promise<string[]> {
    const { rows } = await sql<{ name: string }>`
      select class.relname as name
      from pg_class class
      join pg_namespace namespace on namespace.oid = class.relnamespace
      join pg_attribute attribute on attribute.attrelid = class.oid
      where attribute.attname = 'tenant_id' and not attribute.attisdropped
        and class.relkind in ('r', 'p') and not class.relispartition
        and namespace.nspname = current_schema()
      order by class.relname`.execute(this.db);
    const own = rows.map(({ name }) => name).filter((name) => !(name in keptTables) || name in goingInPart);
    return [...Object.keys(byWay), ...own.toSorted((a, b) => order(a) - order(b))];
  }

  /**
   * Deletes some rows of a table.
   * @param noted writes down how many, in the same transaction
   * @returns how many
   */
  async deletePage(
    table: string,
    tenantId: string,
    most: number,
    noted: (tx: Db, deleted: number) => Promise<void>,
  ): Promise<number> {
    const condition = (byWay[table] ?? goingInPart[table] ?? ofTenant)(tenantId);
    return this.db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ deleted: number }>`
        with gone as (
          delete from ${sql.table(table)}
          where ctid = any (array(select ctid from ${sql.table(table)} where ${condition} limit ${most}))
          returning 1
        )
        select count(*)::int as deleted from gone`.execute(tx);
      const deleted = rows[0]!.deleted;
      if (deleted > 0) await noted(tx, deleted);
      return deleted;
    });
  }
}

function ofTenant(tenantId: string): RawBuilder<unknown> {
  return sql`tenant_id = ${tenantId}`;
}
