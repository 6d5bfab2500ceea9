import { type Migration, sql } from 'kysely';

/** Findings that tenants have found to be none. Revisions are null until an entry counts: until then nobody need know. */
export const allowList: Migration = {
  async up(db) {
    await sql`
      create sequence allow_list_revision;
      create table allow_list (
        sequence bigserial primary key,
        entry_id text not null unique,
        tenant_id text not null,
        fingerprint text not null,
        policy_bundle text,
        detector text not null,
        label text not null,
        reason text not null,
        created_at timestamptz not null,
        created_by text not null,
        expires_at timestamptz not null,
        approved_at timestamptz,
        approved_by text,
        approved_revision bigint,
        revoked_at timestamptz,
        revoked_by text,
        revoked_revision bigint,
        revision bigint
      );
      create index allow_list_tenant on allow_list (tenant_id, sequence);
      create index allow_list_fingerprint on allow_list (tenant_id, fingerprint);
      create index allow_list_order on allow_list (revision);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table allow_list; drop sequence allow_list_revision;`.execute(db);
  },
};
