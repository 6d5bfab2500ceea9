import { type Migration, sql } from 'kysely';

/** Health of upstreams, the last results of their checks, and what webhooks are still to be told. */
export const health: Migration = {
  async up(db) {
    await sql`
      create sequence endpoint_health_revision;
      create table endpoint_health (
        endpoint_id text primary key,
        url text not null,
        health jsonb,
        next_check_at bigint not null default 0,
        response_ms int,
        error text,
        checking_until timestamptz,
        revision bigint not null default 0,
        updated_at timestamptz not null default now()
      );
      create index endpoint_health_order on endpoint_health (revision);
      create table health_check_result (
        sequence bigserial primary key,
        endpoint_id text not null,
        at timestamptz not null,
        ok boolean not null,
        response_ms int,
        error text
      );
      create index health_check_result_endpoint on health_check_result (endpoint_id, sequence);
      create table health_event (
        event_id uuid primary key,
        url text not null,
        body jsonb not null,
        attempts int not null default 0,
        next_attempt_at timestamptz not null default now(),
        created_at timestamptz not null default now()
      );
    `.execute(db);
  },
  async down(db) {
    await sql`
      drop table health_event, health_check_result, endpoint_health;
      drop sequence endpoint_health_revision;
    `.execute(db);
  },
};
