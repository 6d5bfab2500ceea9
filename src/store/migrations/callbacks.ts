import { type Migration, sql } from 'kysely';

/** Whom jobs call back when they have ended, and how far that has come. */
export const callbacks: Migration = {
  async up(db) {
    await sql`
      create table callback (
        callback_id text primary key,
        sequence bigserial unique,
        tenant_id text not null,
        request_id uuid unique references orchestration on delete cascade,
        bulk_id text unique references bulk_job on delete cascade,
        url bytea not null,
        status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
        attempts int not null default 0,
        attempts_before int not null default 0,
        replays int not null default 0,
        look_at timestamptz not null default now(),
        last_attempt_at timestamptz,
        next_attempt_at timestamptz,
        delivered_at timestamptz,
        http_status int,
        error text,
        check (num_nonnulls(request_id, bulk_id) = 1)
      );
      create index callback_due on callback (look_at) where status = 'pending';
      create index callback_tenant on callback (tenant_id, status, sequence);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table callback`.execute(db);
  },
};
