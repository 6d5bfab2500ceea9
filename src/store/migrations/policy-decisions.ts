import { type Migration, sql } from 'kysely';

/** The log of what policies decided, and the plans that came of it, each once. */
export const policyDecisions: Migration = {
  async up(db) {
    await sql`
      create table policy_decision (
        sequence bigserial primary key,
        decision_id uuid not null,
        request_id uuid not null,
        tenant_id text not null,
        policy_bundle text not null,
        policy_version text not null,
        policy_digest text not null,
        decision text not null,
        input_digest text not null,
        outcome text not null,
        result jsonb,
        detail text,
        duration_ms double precision not null,
        at timestamptz not null
      );
      create index policy_decision_request on policy_decision (tenant_id, request_id);
      create index policy_decision_order on policy_decision (tenant_id, sequence);
      create index policy_decision_age on policy_decision (at);
      create table plan_record (
        tenant_id text not null,
        plan_digest text not null,
        record jsonb not null,
        used_at timestamptz not null default now(),
        primary key (tenant_id, plan_digest)
      );
    `.execute(db);
  },
  async down(db) {
    await sql`drop table plan_record, policy_decision`.execute(db);
  },
};
