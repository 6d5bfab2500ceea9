import { type Migration, sql } from 'kysely';

/** Bulk jobs and their chunks; the keys of their runs say whose they are. */
export const bulkJobs: Migration = {
  async up(db) {
    await sql`
      create table bulk_job (
        bulk_id text primary key,
        tenant_id text not null,
        parent_bulk_id text,
        status text not null
          check (status in ('uploading', 'pending', 'running', 'paused', 'completed', 'cancelled')),
        correlation_id text not null,
        traceparent text,
        items int not null default 0,
        lease_until timestamptz,
        created_at timestamptz not null,
        started_at timestamptz,
        completed_at timestamptz,
        expires_at timestamptz not null
      );
      create index bulk_job_open on bulk_job (tenant_id) where completed_at is null;
      create index bulk_job_expiry on bulk_job (expires_at);
      create table bulk_chunk (
        bulk_id text not null references bulk_job on delete cascade,
        chunk int not null,
        first_index int not null,
        request_ids uuid[] not null,
        lines int[] not null,
        requests bytea,
        planned bytea,
        refusals bytea,
        refused int not null,
        completed int not null default 0,
        partial int not null default 0,
        failed int not null default 0,
        cancelled int not null default 0,
        started_at timestamptz,
        settled_at timestamptz,
        primary key (bulk_id, chunk)
      );
      alter table bulk_chunk alter column requests set storage external;
      alter table run_key add column bulk_id text;
      create index bulk_chunk_requests on bulk_chunk (bulk_id) where requests is not null;
      create index run_key_bulk on run_key (bulk_id) where bulk_id is not null;
    `.execute(db);
  },
  async down(db) {
    await sql`
      drop table bulk_chunk, bulk_job;
      alter table run_key drop column bulk_id;
    `.execute(db);
  },
};
