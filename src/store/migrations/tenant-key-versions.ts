import { type Migration, sql } from 'kysely';

/** Data keys of tenants have versions, and say which master key wraps them. What is there stays as it is: the first. */
export const tenantKeyVersions: Migration = {
  async up(db) {
    await sql`
      create table master_key (
        key_id text primary key,
        used_at timestamptz not null default now(),
        replaced_at timestamptz
      );
      create unique index master_key_in_use on master_key ((true)) where replaced_at is null;
      create sequence tenant_key_revision;
      alter table tenant_key
        add column version int not null default 1,
        add column master_key_id text,
        add column previous_wrapped_key bytea,
        add column previous_master_key_id text,
        add column destroyed_at timestamptz,
        add column revision bigint not null default 0,
        alter column wrapped_key drop not null,
        drop constraint tenant_key_pkey,
        add primary key (tenant_id, version);
      create index tenant_key_news on tenant_key (revision) where revision > 0;
    `.execute(db);
  },
  /** A release that knows of one key each can neither read what is under another, nor tell that one was destroyed. */
  async down(db) {
    await sql`
      do $$ begin
        if exists (select from tenant_key where version > 1 or wrapped_key is null)
          or (select count(*) from master_key) > 1
        then raise exception 'keys have been rotated or destroyed';
        end if;
      end $$;
      alter table tenant_key
        drop constraint tenant_key_pkey,
        drop column version,
        drop column master_key_id,
        drop column previous_wrapped_key,
        drop column previous_master_key_id,
        drop column destroyed_at,
        drop column revision,
        alter column wrapped_key set not null,
        add primary key (tenant_id);
      drop sequence tenant_key_revision;
      drop table master_key;
    `.execute(db);
  },
};
