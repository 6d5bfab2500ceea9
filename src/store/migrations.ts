import { type Migration, Migrator, sql } from 'kysely';
import { openAsOwner } from './database';
import { allowList } from './migrations/allow-list';
import { apiKeyOwners } from './migrations/api-key-owners';
import { apiKeyRates } from './migrations/api-key-rates';
import { auditChain } from './migrations/audit-chain';
import { batchAnswers } from './migrations/batch-answers';
import { breakers } from './migrations/breakers';
import { bulkAskers } from './migrations/bulk-askers';
import { bulkJobs } from './migrations/bulk-jobs';
import { detectorUseOwners } from './migrations/detector-use-owners';
import { callbacks } from './migrations/callbacks';
import { health } from './migrations/health';
import { keptAnswers } from './migrations/kept-answers';
import { notices } from './migrations/notices';
import { observed } from './migrations/observed';
import { credentials } from './migrations/credentials';
import { policyDecisions } from './migrations/policy-decisions';
import { tenantsKeyRotations } from './migrations/tenants-key-rotations';
import { uploadedContents } from './migrations/uploaded-contents';
import { keyRotations } from './migrations/key-rotations';
import { tenantKeyVersions } from './migrations/tenant-key-versions';
import { simulations } from './migrations/simulations';
import { policyShadows } from './migrations/policy-shadows';
import { policyStore } from './migrations/policy-store';
import { tenantOperations } from './migrations/tenant-operations';
import { tenants } from './migrations/tenants';
import { upstreams } from './migrations/upstreams';
import { secureRows } from './row-security';

const migrations: Record<string, Migration> = {
  '2026_11_21_orchestrations': {
    async up(db) {
      await sql`
        create table tenant_key (
          tenant_id text primary key,
          wrapped_key bytea not null,
          created_at timestamptz not null default now()
        );
        create table run_key (
          run_id text primary key,
          tenant_id text not null,
          wrapped_key bytea,
          recovery int not null default 0,
          created_at timestamptz not null default now(),
          closed_at timestamptz,
          destroy_at timestamptz
        );
        create index run_key_open on run_key (created_at) where closed_at is null;
        create index run_key_destroy on run_key (destroy_at) where wrapped_key is not null;
        create table orchestration (
          request_id uuid primary key,
          tenant_id text not null,
          run_id text not null,
          job_id text unique,
          parent_job_id text,
          status text not null check (status in ('pending', 'running', 'completed', 'failed', 'cancelled')),
          stage text not null default 'routed' check (stage in ('routed', 'aggregated', 'mapped')),
          planned int not null default 0,
          http_status int not null,
          answer bytea,
          recipe bytea,
          error_code text,
          created_at timestamptz not null,
          started_at timestamptz,
          completed_at timestamptz,
          expires_at timestamptz not null
        );
        create index orchestration_run on orchestration (run_id);
        create index orchestration_expiry on orchestration (expires_at);
        create table member_result (
          run_id text not null,
          request_id uuid not null,
          detector text not null,
          result bytea not null,
          primary key (run_id, request_id, detector)
        );
        create table idempotency (
          tenant_id text not null,
          route text not null,
          key_hash bytea not null,
          fingerprint bytea not null,
          request_id uuid not null,
          run_id text not null,
          lease_until timestamptz not null,
          expires_at timestamptz not null,
          primary key (tenant_id, route, key_hash)
        );
        create index idempotency_request on idempotency (request_id);
        create index idempotency_expiry on idempotency (expires_at);
        create table blob (
          blob_id uuid primary key,
          run_id text not null,
          payload bytea not null
        );
        create index blob_run on blob (run_id);
        create table audit (
          sequence bigserial primary key,
          tenant_id text not null,
          request_id uuid not null,
          kind text not null,
          record jsonb not null,
          created_at timestamptz not null default now()
        );
        create index audit_request on audit (tenant_id, request_id);
        create table policy_bundle (
          digest text primary key,
          tenant_id text not null,
          bundle text not null,
          version text not null,
          document bytea not null,
          created_at timestamptz not null default now()
        );
      `.execute(db);
    },
    async down(db) {
      await sql`
        drop table policy_bundle, audit, blob, idempotency, member_result, orchestration, run_key, tenant_key;
      `.execute(db);
    },
  },
  '2026_11_22_batch_answers': batchAnswers,
  '2026_11_22_response_cache': {
    async up(db) {
      await sql`
        create sequence cache_generation_number;
        create table cache_generation (
          scope text primary key,
          generation bigint not null
        );
        create index cache_generation_order on cache_generation (generation);
      `.execute(db);
    },
    async down(db) {
      await sql`drop table cache_generation; drop sequence cache_generation_number;`.execute(db);
    },
  },
  '2026_11_23_bulk_jobs': bulkJobs,
  '2026_11_24_open_jobs': {
    async up(db) {
      await sql`
        create index orchestration_open on orchestration (tenant_id) where status in ('pending', 'running');
      `.execute(db);
    },
    async down(db) {
      await sql`drop index orchestration_open`.execute(db);
    },
  },
  '2026_11_26_breakers': breakers,
  '2026_11_27_upstreams': upstreams,
  '2026_11_28_health': health,
  '2026_11_29_05_observed': observed,
  '2026_11_29_07_policy_store': policyStore,
  '2026_11_29_08_policy_decisions': policyDecisions,
  '2026_11_29_09_uploaded_contents': uploadedContents,
  '2026_11_30_01_simulations': simulations,
  '2026_11_30_02_allow_list': allowList,
  '2026_11_30_03_detector_use_owners': detectorUseOwners,
  '2026_11_30_04_policy_shadows': policyShadows,
  '2026_11_30_14_credentials': credentials,
  '2026_11_30_17_callbacks': callbacks,
  '2026_11_30_24_api_key_owners': apiKeyOwners,
  '2026_12_01_10_tenants': tenants,
  '2026_12_01_20_tenant_key_versions': tenantKeyVersions,
  '2026_12_01_21_key_rotations': keyRotations,
  '2026_12_01_30_api_key_rates': apiKeyRates,
  '2026_12_01_31_kept_answers': keptAnswers,
  '2026_12_01_40_audit_chain': auditChain,
  '2026_12_02_20_tenant_operations': tenantOperations,
  '2026_12_02_40_notices': notices,
  '2026_12_02_60_bulk_askers': bulkAskers,
  '2026_12_02_70_tenants_key_rotations': tenantsKeyRotations,
};

/** The tables are not what this release needs. */
class MigrationError extends Error {
  override readonly name = 'MigrationError';
  constructor(cause: unknown) {
    const isDenied = (cause as { code?: unknown }).code === '42501';
    super(
      'the database schema could not be brought up to date' +
        (isDenied ? '\n  Remedy: run `conclave setup` with the login that owns the tables' : ''),
      { cause },
    );
  }
}

/**
 * Brings the schema up to date, under the migrator's own lock, so that any number of processes may start at once, and has
 * what is new secured by tenant.
 */
export async function migrate(url: string): Promise<void> {
  const db = openAsOwner(url);
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
    const { error } = await migrator.migrateToLatest();
    if (error) throw new MigrationError(error);
    await secureRows(db);
  } finally {
    await db.destroy();
  }
}
