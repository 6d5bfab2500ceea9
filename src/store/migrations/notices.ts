import { type Migration, sql } from 'kysely';

/** What operators are still to be told, and what they were. */
export const notices: Migration = {
  async up(db) {
    await sql`
      create table notice (
        notice_id uuid primary key,
        channel text not null check (channel in ('email', 'webhook')),
        target text not null,
        notice jsonb not null,
        status text not null default 'open' check (status in ('open', 'sending', 'delivered', 'failed')),
        attempts int not null default 0,
        look_at timestamptz not null,
        begun_at timestamptz,
        ended_at timestamptz,
        error text
      );
      create unique index notice_open on notice (target) where status = 'open';
      create index notice_due on notice (look_at) where status in ('open', 'sending');
      create index notice_begun on notice (target, begun_at);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table notice`.execute(db);
  },
};
