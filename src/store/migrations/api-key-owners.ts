import { type Migration, sql } from 'kysely';

/** Who answers for a key: whoever the first of those that it came of was made by. */
export const apiKeyOwners: Migration = {
  async up(db) {
    await sql`
      alter table api_key add column owner text;
      with recursive root as (
        select key_id, case when created_by in ('cli', 'anonymous') then 'key:' || key_id else created_by end as owner
        from api_key where created_by not like 'key:%'
        union all
        select made.key_id, root.owner from api_key made join root on made.created_by = 'key:' || root.key_id
      )
      update api_key set owner = root.owner from root where root.key_id = api_key.key_id;
      update api_key set owner = created_by where owner is null;
      alter table api_key alter column owner set not null;
    `.execute(db);
  },
  async down(db) {
    await sql`alter table api_key drop column owner;`.execute(db);
  },
};
