/**
 * Has what the database keeps of a tenant's new keys differ from what it is given.
 * @returns what ends that
 */
export async function spoilNewKeys(
  execute: (statements: string) => Promise<unknown>,
  tenantId: string,
): Promise<() => Promise<unknown>> {
  await execute(`
    create or replace function spoil() returns trigger language plpgsql as
      'begin new.wrapped_key := decode(repeat(''00'', 60), ''hex''); return new; end';
    create or replace trigger spoil before insert on tenant_key
      for each row when (new.tenant_id = '${tenantId}') execute function spoil()`);
  return () => execute('drop trigger spoil on tenant_key; drop function spoil()');
}
