import { type Migration, sql } from 'kysely';

export const batchAnswers: Migration = {
  async up(db) {
    await sql`
      create table batch_answer (
        tenant_id text not null,
        key_hash bytea not null,
        fingerprint bytea not null,
        answer bytea,
        expires_at timestamptz not null,
        primary key (tenant_id, key_hash)
      );
      create index batch_answer_expiry on batch_answer (expires_at);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table batch_answer`.execute(db);
  },
};
