import { type Migration, sql } from 'kysely';

/** Breakers of upstreams, shared by all processes; every change has a number of its own. */
export const breakers: Migration = {
  async up(db) {
    await sql`
      create sequence circuit_breaker_revision;
      create table circuit_breaker (
        endpoint_id text primary key,
        url text not null,
        breaker jsonb not null,
        transitions jsonb not null,
        counts jsonb not null,
        revision bigint not null,
        updated_at timestamptz not null default now()
      );
      create index circuit_breaker_order on circuit_breaker (revision);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table circuit_breaker; drop sequence circuit_breaker_revision;`.execute(db);
  },
};
