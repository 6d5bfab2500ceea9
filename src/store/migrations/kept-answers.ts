import { type Migration, sql } from 'kysely';

/** Answers to changes that were made under an Idempotency-Key. Those of the installation are of tenant `*`. */
export const keptAnswers: Migration = {
  async up(db) {
    await sql`
      create table kept_answer (
        tenant_id text not null,
        route text not null,
        key_hash bytea not null,
        fingerprint bytea not null,
        answer bytea not null,
        expires_at timestamptz not null,
        primary key (tenant_id, route, key_hash)
      );
      create index kept_answer_expiry on kept_answer (expires_at);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table kept_answer;`.execute(db);
  },
};
