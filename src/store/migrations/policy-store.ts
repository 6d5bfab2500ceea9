import { type Migration, sql } from 'kysely';

/** Versions of policies: what is known of a bundle's, the summary that every process holds, and their order. */
export const policyStore: Migration = {
  async up(db) {
    await sql`
      create sequence policy_revision;
      create table policy_state (
        tenant_id text not null,
        bundle text not null,
        revision bigint not null,
        state jsonb not null,
        head jsonb not null,
        primary key (tenant_id, bundle)
      );
      create index policy_state_order on policy_state (revision);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table policy_state; drop sequence policy_revision;`.execute(db);
  },
};
