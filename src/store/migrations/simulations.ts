import { type Migration, sql } from 'kysely';

/** What detectors have said, for candidates of policies to judge, and the simulations that do. */
export const simulations: Migration = {
  async up(db) {
    await sql`
      create table ended_run (
        tenant_id text not null,
        policy_bundle text not null,
        received_at timestamptz not null,
        request_id uuid primary key,
        record bytea not null
      );
      create index ended_run_order on ended_run (tenant_id, policy_bundle, received_at, request_id);
      create index ended_run_age on ended_run (received_at);
      create table policy_simulation (
        simulation_id uuid primary key,
        tenant_id text not null,
        policy_bundle text not null,
        candidate_version text not null,
        candidate_digest text not null,
        candidate_stored boolean not null,
        document bytea not null,
        since timestamptz not null,
        until timestamptz not null,
        status text not null check (status in ('pending', 'running', 'completed', 'failed', 'cancelled')),
        total int not null,
        replayed int not null default 0,
        after_at timestamptz,
        after_id uuid,
        report bytea,
        error text,
        created_at timestamptz not null,
        started_at timestamptz,
        completed_at timestamptz
      );
      create index policy_simulation_order on policy_simulation (tenant_id, policy_bundle, created_at);
      create index policy_simulation_open on policy_simulation (created_at) where completed_at is null;
    `.execute(db);
  },
  async down(db) {
    await sql`drop table policy_simulation, ended_run`.execute(db);
  },
};
