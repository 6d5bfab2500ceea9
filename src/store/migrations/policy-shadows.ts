import { type Migration, sql } from 'kysely';

/** Versions that judge beside those that decide: one for each bundle. Reports are encrypted. */
export const policyShadows: Migration = {
  async up(db) {
    await sql`
      create sequence policy_shadow_revision;
      create table policy_shadow (
        tenant_id text not null,
        policy_bundle text not null,
        shadow_id uuid not null,
        version text not null,
        digest text not null,
        percent float8 not null,
        started_at timestamptz not null,
        started_by text not null,
        expires_at timestamptz not null,
        ended_at timestamptz,
        revision bigint not null,
        dropped bigint not null default 0,
        failed bigint not null default 0,
        report bytea,
        primary key (tenant_id, policy_bundle)
      );
      create index policy_shadow_order on policy_shadow (revision);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table policy_shadow; drop sequence policy_shadow_revision;`.execute(db);
  },
};
