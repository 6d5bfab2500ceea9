import { type Migration, sql } from 'kysely';

/** Rotations of all tenants' keys: each tenant's is a part of one, and they say which workflow is at them. */
export const tenantsKeyRotations: Migration = {
  async up(db) {
    await sql`
      alter table key_rotation
        add column workflow_id text,
        add column part_of uuid references key_rotation (rotation_id) on delete cascade,
        alter column from_key drop not null,
        drop constraint key_rotation_status_check,
        add constraint key_rotation_status_check
          check (status in ('running', 'completed', 'restored', 'incomplete'));
      update key_rotation set workflow_id = 'key-rotation-' || rotation_id where scope = 'master';
      create unique index key_rotation_part on key_rotation (part_of, scope) where part_of is not null;
    `.execute(db);
  },
  /** What became of tenants' keys stays; that it was asked for of all is forgotten. */
  async down(db) {
    await sql`
      update key_rotation set part_of = null where part_of is not null;
      delete from key_rotation where scope = 'tenants';
      drop index key_rotation_part;
      alter table key_rotation
        drop column workflow_id,
        drop column part_of,
        alter column from_key set not null,
        drop constraint key_rotation_status_check,
        add constraint key_rotation_status_check check (status in ('running', 'completed', 'restored'));
    `.execute(db);
  },
};
