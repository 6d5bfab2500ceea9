import { type Migration, sql } from 'kysely';

/** API keys by their hash, tokens that are believed no more, and refresh tokens by where they come from. */
export const credentials: Migration = {
  async up(db) {
    await sql`
      create sequence credential_revision;
      create table api_key (
        key_id text primary key,
        tenant_id text,
        hash bytea not null,
        roles jsonb not null,
        scopes jsonb not null,
        description text not null,
        created_at timestamptz not null default now(),
        created_by text not null,
        expires_at timestamptz not null,
        revoked_at timestamptz,
        rotated_to text,
        last_used timestamptz,
        revision bigint not null
      );
      create index api_key_tenant on api_key (tenant_id);
      create index api_key_order on api_key (revision);
      create table revoked_token (
        jti text primary key,
        expires_at timestamptz not null,
        revision bigint not null
      );
      create index revoked_token_order on revoked_token (revision);
      create table token_family (
        family uuid primary key,
        tenant_id text,
        subject text not null,
        refresh_jti text not null,
        access_jti text not null,
        access_expires_at timestamptz not null,
        expires_at timestamptz not null,
        revoked_at timestamptz
      );
    `.execute(db);
  },
  async down(db) {
    await sql`
      drop table token_family; drop table revoked_token; drop table api_key; drop sequence credential_revision;
    `.execute(db);
  },
};
