import { type Migration, sql } from 'kysely';

/** The registry: its entries, the generation that every change raises, and the versions of the registry file. */
export const upstreams: Migration = {
  async up(db) {
    await sql`
      create table upstream (
        endpoint_id text primary key,
        kind text not null check (kind in ('detector', 'mapper', 'analysis', 'http')),
        source text not null check (source in ('config', 'manual', 'discovery')),
        origin text not null,
        status text not null check (status in ('active', 'inactive', 'disabled')),
        document text not null,
        traffic_percent int not null,
        ttl_seconds int,
        expires_at timestamptz,
        registration_time timestamptz not null,
        updated_at timestamptz not null,
        generation bigint not null
      );
      create index upstream_expiry on upstream (expires_at) where expires_at is not null;
      create table registry_state (
        id int primary key default 1 check (id = 1),
        generation bigint not null default 0,
        config_generation int not null default 0,
        config_digest text not null default ''
      );
      insert into registry_state default values;
      create table registry_config_history (
        sequence bigserial primary key,
        version text not null,
        at timestamptz not null default now(),
        outcome text not null check (outcome in ('applied', 'refused'))
      );
    `.execute(db);
  },
  async down(db) {
    await sql`drop table registry_config_history, registry_state, upstream`.execute(db);
  },
};
