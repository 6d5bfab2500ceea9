import { type Migration, sql } from 'kysely';

/** What is done to a tenant as a whole: onboarding, export, erasure. How far each has come, and what came of it. */
export const tenantOperations: Migration = {
  async up(db) {
    await sql`
      create table tenant_operation (
        operation_id uuid primary key,
        tenant_id text not null,
        kind text not null check (kind in ('onboarding', 'export', 'erasure')),
        status text not null default 'running' check (status in ('running', 'completed', 'failed')),
        step text,
        progress jsonb not null default '{}',
        position jsonb,
        asked jsonb,
        secret bytea,
        error text,
        report json,
        signature json,
        started_by text not null,
        request_id uuid not null,
        started_at timestamptz not null default now(),
        completed_at timestamptz,
        expires_at timestamptz
      );
      create unique index tenant_operation_running on tenant_operation (tenant_id, kind) where status = 'running';
      create index tenant_operation_order on tenant_operation (tenant_id, started_at);
      create table tenant_export_part (
        operation_id uuid not null references tenant_operation on delete cascade,
        tenant_id text not null,
        file text not null,
        part int not null,
        records int not null,
        body bytea not null,
        primary key (operation_id, file, part)
      );
      alter table tenant_export_part alter column body set storage external;
      create index tenant_export_part_tenant on tenant_export_part (tenant_id);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table tenant_export_part, tenant_operation`.execute(db);
  },
};
