import { type Migration, sql } from 'kysely';

/** Files that were uploaded to be judged by reference. */
export const uploadedContents: Migration = {
  async up(db) {
    await sql`
      create table uploaded_content (
        content_ref text primary key,
        tenant_id text not null,
        digest text not null,
        content_type text not null check (content_type in ('image', 'document')),
        bytes int not null,
        facts jsonb not null,
        body bytea not null,
        body_bytes int not null,
        expires_at timestamptz not null,
        unique (tenant_id, digest)
      );
      create index uploaded_content_expiry on uploaded_content (expires_at);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table uploaded_content`.execute(db);
  },
};
