import { type Migration, sql } from 'kysely';

/** How keys were rotated, and which process holds which master keys. */
export const keyRotations: Migration = {
  async up(db) {
    await sql`
      create table key_rotation (
        rotation_id uuid primary key,
        scope text not null,
        status text not null default 'running' check (status in ('running', 'completed', 'restored')),
        from_key text not null,
        to_key text,
        keys_total int not null default 0,
        keys_done int not null default 0,
        error text,
        started_by text not null,
        started_at timestamptz not null default now(),
        completed_at timestamptz
      );
      create unique index key_rotation_running on key_rotation (scope) where status = 'running';
      create table key_holder (
        process_id text primary key,
        key_ids jsonb not null,
        seen_at timestamptz not null default now()
      );
    `.execute(db);
  },
  async down(db) {
    await sql`drop table key_rotation, key_holder;`.execute(db);
  },
};
