import { type Migration, sql } from 'kysely';

/** What is known of tenants beside what belongs to them. */
export const tenants: Migration = {
  async up(db) {
    await sql`
      create sequence tenant_revision;
      create table tenant (
        tenant_id text primary key,
        name bytea not null,
        status text not null check (status in ('active', 'inactive', 'suspended', 'pending', 'deleted')),
        tier text not null check (tier in ('free', 'basic', 'premium', 'enterprise')),
        quotas jsonb not null,
        rate_limit_per_minute int,
        callback_hosts jsonb,
        auto_map_results boolean,
        allow_async_conversion boolean,
        worker_queue text,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        revision bigint not null
      );
      create index tenant_order on tenant (revision);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table tenant; drop sequence tenant_revision;`.execute(db);
  },
};
