import { sql } from 'kysely';
import { serviceRole, tenantRole } from '../contract/database-roles';
import type { Db } from './database';
import { RowSecurityError } from './row-security-error';

const lockId = 0x524c5321;

/** What belongs to a tenant without saying so, and the row that says it. */
const heldBy: Readonly<Record<string, string>> = {
  member_result: 'select from orchestration holder where holder.request_id = member_result.request_id',
  blob: 'select from run_key holder where holder.run_id = blob.run_id',
  bulk_chunk: 'select from bulk_job holder where holder.bulk_id = bulk_chunk.bulk_id',
};

/**
 * Sees to it that the service's work is done under a role that owns nothing, and that every table whose rows are tenants'
 * shows a tenant its own alone. Changes only what is missing, so a new table needs no more than its column `tenant_id`.
 * @param db as the login, to be closed when this fails
 * @throws RowSecurityError
 */
export async function secureRows(db: Db): Promise<void> {
  try {
    await db.connection().execute(async (one) => {
      await sql`select pg_advisory_lock(${lockId})`.execute(one);
      await sql.raw(rolesThatCannotBypass).execute(one);
      const { rows } = await missing(one);
      // Each by itself: processes of the release before are at work on these tables, and must not wait for all of them.
      for (const { statement } of rows) await sql.raw(statement).execute(one);
      await sql`select pg_advisory_unlock(${lockId})`.execute(one);
    });
  } catch (error) {
    throw new RowSecurityError(error);
  }
}

/** Roles are the whole cluster's: others may be making them just now. */
const rolesThatCannotBypass = `
do $$
declare
  one text;
  /** From 16 on who makes a role is a member of it, and yet may not act as it. */
  acting text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
  foreach one in array array['${serviceRole}', '${tenantRole}'] loop
    if not exists (select from pg_roles where rolname = one) then
      begin
        execute format('create role %I', one);
      exception when duplicate_object or unique_violation then null;
      end;
    end if;
    if not pg_has_role(session_user, one, acting) then
      execute format('grant %I to %I', one, session_user);
    end if;
    if exists (select from pg_roles where rolname = one and (rolsuper or rolbypassrls)) then
      raise exception 'role % bypasses row-level security', one;
    end if;
  end loop;
  if pg_has_role('${tenantRole}', '${serviceRole}', 'MEMBER') then
    raise exception 'role ${tenantRole} is a member of ${serviceRole}';
  end if;
end $$`;

/** What is to be done, as statements. Of a table that is not tenants' they see nothing at all. */
function missing(db: Db) {
  const holders = sql.join(
    Object.entries(heldBy).map(([table, holder]) => sql`(${table}, ${`exists (${holder})`})`),
  );
  return sql<{ statement: string }>`
    with held (name, condition) as (values ${holders}),
    own as (
      select oid, relname as name, relkind as kind, relrowsecurity as secured, relnamespace,
        case when exists (
          select from pg_attribute where attrelid = pg_class.oid and attname = 'tenant_id' and not attisdropped
        ) then 'tenant_id = current_setting(''app.current_tenant_id'', true)'
        else (select condition from held where held.name = relname) end as condition
      from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'S')
    ),
    policy (role, name, of_tenants) as (values (${serviceRole}, 'of_service', false), (${tenantRole}, 'of_tenant', true)),
    lacking as (
      select 1 as step, format('grant usage on schema %I to %I', current_schema(), role) as statement
      from policy where not has_schema_privilege(role, current_schema(), 'usage')
      union all
      select 2, format('create policy %I on %I to %I using (%s)', policy.name, own.name, role,
                       case when of_tenants then condition else 'true' end)
      from own cross join policy
      where condition is not null
        and not exists (select from pg_policy where polrelid = own.oid and polname = policy.name)
      union all
      select 3, format('alter table %I enable row level security', name) from own
      where condition is not null and not secured
      union all
      select 4, format('grant select, insert, update, delete on %I to %I', own.name, role)
      from own cross join policy
      where kind <> 'S' and (condition is not null or not of_tenants) and own.name not like 'kysely%'
        and not (has_table_privilege(role, own.oid, 'select') and has_table_privilege(role, own.oid, 'insert')
                 and has_table_privilege(role, own.oid, 'update') and has_table_privilege(role, own.oid, 'delete'))
      union all
      select 5, format('grant select on %I to %I', name, ${serviceRole}::text) from own
      where name like 'kysely%' and kind <> 'S' and not has_table_privilege(${serviceRole}, own.oid, 'select')
      union all
      select 6, format('grant usage, select on sequence %I to %I', own.name, role)
      from own cross join policy where kind = 'S' and not has_sequence_privilege(role, own.oid, 'usage')
    )
    select statement from lacking order by step, statement`.execute(db);
}
