import type { ColumnType, Generated } from 'kysely';
import type { BulkStatus } from '../contract/bulk';
import type { CallbackFault, CallbackStatus } from '../contract/callback-state';
import type { FileType } from '../contract/content';
import type { JobStatus } from '../contract/enums';
import type { Asked } from '../contract/plan';
import type { UpstreamKind, UpstreamSource, Upstream } from '../contract/upstream';
import type { Nullable, NullableTimestamp, Timestamp, WithDefault } from './columns';
import type { AuditTables } from './schema-audit';
import type { KeyHolderTable, KeyRotationTable, MasterKeyTable, TenantKeyTable } from './schema-keys';
import type { NoticeTable } from './schema-notices';
import type { PolicyDecisionTable, PolicyShadowTable, PolicySimulationTable } from './schema-policies';
import type { TenantOperationTables } from './schema-tenant-operations';
import type { TenantTable } from './schema-tenants';

export interface Database extends AuditTables, TenantOperationTables {
  tenant: TenantTable;
  tenant_key: TenantKeyTable;
  master_key: MasterKeyTable;
  key_rotation: KeyRotationTable;
  key_holder: KeyHolderTable;
  run_key: RunKeyTable;
  orchestration: OrchestrationTable;
  member_result: { run_id: string; request_id: string; detector: string; result: Buffer };
  idempotency: IdempotencyTable;
  batch_answer: BatchAnswerTable;
  kept_answer: {
    tenant_id: string;
    route: string;
    key_hash: Buffer;
    fingerprint: Buffer;
    /** Encrypted. */
    answer: Buffer;
    expires_at: Date;
  };
  callback: CallbackTable;
  notice: NoticeTable;
  bulk_job: BulkJobTable;
  bulk_chunk: BulkChunkTable;
  blob: { blob_id: string; run_id: string; payload: Buffer };
  uploaded_content: UploadedContentTable;
  policy_decision: PolicyDecisionTable;
  plan_record: {
    tenant_id: string;
    plan_digest: string;
    record: ColumnType<unknown, string, string>;
    used_at: Generated<Date>;
  };
  api_key: ApiKeyTable;
  revoked_token: { jti: string; expires_at: Date; revision: string };
  token_family: {
    family: string;
    tenant_id: string | null;
    subject: string;
    refresh_jti: string;
    access_jti: string;
    access_expires_at: Date;
    expires_at: Date;
    revoked_at: Nullable<Date>;
  };
  /** Generations are bigints, as text. */
  cache_generation: { scope: string; generation: string };
  circuit_breaker: {
    endpoint_id: string;
    url: string;
    /** JSON. */
    breaker: string;
    transitions: string;
    counts: string;
    revision: string;
    updated_at: Generated<Date>;
  };
  /** JSON. */
  process_figures: { process_id: string; figures: string; written_at: Generated<Date> };
  detector_use: {
    /** Empty: nobody's own. */
    owner: string;
    detector: string;
    since: Date;
    calls: number;
    failures: number;
    total_ms: string;
    latencies: number[];
  };
  upstream: UpstreamTable;
  /** One row. */
  registry_state: { generation: string; config_generation: number; config_digest: string };
  registry_config_history: {
    sequence: Generated<string>;
    version: string;
    at: Generated<Date>;
    outcome: 'applied' | 'refused';
  };
  endpoint_health: {
    endpoint_id: string;
    url: string;
    /** JSON; null while it was only claimed. */
    health: Nullable<string>;
    /** Epoch ms, as text. */
    next_check_at: WithDefault<string>;
    response_ms: Nullable<number>;
    error: Nullable<string>;
    checking_until: Nullable<Date>;
    revision: WithDefault<string>;
    updated_at: Generated<Date>;
  };
  health_check_result: {
    sequence: Generated<string>;
    endpoint_id: string;
    at: Date;
    ok: boolean;
    response_ms: number | null;
    error: string | null;
  };
  /** What webhooks are still to be told. */
  health_event: {
    event_id: string;
    url: string;
    body: string;
    attempts: WithDefault<number>;
    next_attempt_at: WithDefault<Date>;
    created_at: Generated<Date>;
  };
  allow_list: AllowListTable;
  ended_run: {
    tenant_id: string;
    policy_bundle: string;
    received_at: Date;
    request_id: string;
    /** Encrypted for the tenant. */
    record: Buffer;
  };
  policy_simulation: PolicySimulationTable;
  policy_shadow: PolicyShadowTable;
  policy_state: {
    tenant_id: string;
    bundle: string;
    revision: string;
    state: ColumnType<unknown, string, string>;
    head: ColumnType<unknown, string, string>;
  };
  policy_bundle: {
    digest: string;
    tenant_id: string;
    bundle: string;
    version: string;
    document: Buffer;
    created_at: Generated<Date>;
  };
}

/** A run and its data key: what the sweeper watches. */
export interface RunKeyTable {
  run_id: string;
  tenant_id: string;
  /** Null once destroyed: nothing of the run's history can be read again. */
  wrapped_key: Nullable<Buffer>;
  recovery: WithDefault<number>;
  created_at: Generated<Date>;
  closed_at: Nullable<Date>;
  destroy_at: Nullable<Date>;
  /** Set on runs of a bulk job, which looks after them itself. */
  bulk_id: Nullable<string>;
}

export type JobStage = 'routed' | 'aggregated' | 'mapped';

/** One orchestration as clients see it: the source of status (design.md 8). */
export interface OrchestrationTable {
  request_id: string;
  tenant_id: string;
  run_id: string;
  /** Set when the execution is or became a job. */
  job_id: Nullable<string>;
  parent_job_id: Nullable<string>;
  status: JobStatus;
  stage: WithDefault<JobStage>;
  /** Detectors of the plan, for progress. */
  planned: WithDefault<number>;
  http_status: number;
  /** Encrypted bytes of the HTTP answer: the 202 until the end, then the final one. */
  answer: Nullable<Buffer>;
  /** Encrypted plan and request fields without content, for re-runs; jobs only. */
  recipe: Nullable<Buffer>;
  error_code: Nullable<string>;
  created_at: Date;
  started_at: Nullable<Date>;
  completed_at: Nullable<Date>;
  expires_at: Date;
}

export interface IdempotencyTable {
  tenant_id: string;
  route: string;
  key_hash: Buffer;
  fingerprint: Buffer;
  request_id: string;
  run_id: string;
  lease_until: Date;
  expires_at: Date;
}

export interface BulkJobTable {
  bulk_id: string;
  tenant_id: string;
  parent_bulk_id: Nullable<string>;
  status: BulkStatus | 'uploading';
  correlation_id: string;
  traceparent: Nullable<string>;
  asked: ColumnType<Asked | null, string | null, never>;
  items: WithDefault<number>;
  /** While uploading: until when the facade is taken to be alive. */
  lease_until: Nullable<Date>;
  created_at: Date;
  started_at: Nullable<Date>;
  /** When nothing of it ran any more. */
  completed_at: Nullable<Date>;
  expires_at: Date;
}

/** Items that run together, in the order of the upload. */
export interface BulkChunkTable {
  bulk_id: string;
  chunk: number;
  /** Of its first item in the job. */
  first_index: number;
  /** One for each item, as are `lines`. */
  request_ids: string[];
  lines: number[];
  /** Requests, encrypted under the key of the bulk job. */
  requests: Nullable<Buffer>;
  /** How it was cut and planned when it was last loaded, encrypted likewise. */
  planned: Nullable<Buffer>;
  /** Errors of the lines that are no requests, encrypted for the tenant. */
  refusals: Nullable<Buffer>;
  refused: number;
  completed: WithDefault<number>;
  partial: WithDefault<number>;
  failed: WithDefault<number>;
  cancelled: WithDefault<number>;
  started_at: Nullable<Date>;
  settled_at: Nullable<Date>;
}

/** The whole answer of a batch, and the claim on its key. */
export interface BatchAnswerTable {
  tenant_id: string;
  key_hash: Buffer;
  fingerprint: Buffer;
  /** Encrypted; null until the batch is answered. */
  answer: Nullable<Buffer>;
  expires_at: Date;
}

/** Whom a job, or a bulk job, calls back; gone with the job. */
export interface CallbackTable {
  /** The job's id. */
  callback_id: string;
  /** A bigint, as text. */
  sequence: Generated<string>;
  tenant_id: string;
  request_id: Nullable<string>;
  bulk_id: Nullable<string>;
  /** Encrypted for the tenant: it may hold a token. */
  url: Buffer;
  status: WithDefault<CallbackStatus>;
  attempts: WithDefault<number>;
  /** Of them, those before the last replay. */
  attempts_before: WithDefault<number>;
  replays: WithDefault<number>;
  /** When to see to its delivery, should nobody have until then. */
  look_at: WithDefault<Date>;
  last_attempt_at: Nullable<Date>;
  next_attempt_at: Nullable<Date>;
  delivered_at: Nullable<Date>;
  http_status: Nullable<number>;
  error: Nullable<CallbackFault>;
}

/** A file on its way into a request. */
export interface UploadedContentTable {
  content_ref: string;
  tenant_id: string;
  /** SHA-256 of the file, in hex. */
  digest: string;
  content_type: FileType;
  /** Of the file. */
  bytes: number;
  /** JSON: what can be said of the file. */
  facts: string;
  /** Encrypted for the tenant: an image, or a document's text. */
  body: Buffer;
  /** Of what is kept. */
  body_bytes: number;
  expires_at: Date;
}

/** An entry of the registry. */
export interface UpstreamTable {
  endpoint_id: string;
  kind: UpstreamKind;
  source: UpstreamSource;
  origin: string;
  status: Upstream['status'];
  /** A DetectorRegistration or an EndpointConfig; as text, since its order of keys is part of plans. */
  document: string;
  traffic_percent: number;
  ttl_seconds: number | null;
  /** Null: stays. */
  expires_at: Date | null;
  registration_time: Date;
  updated_at: Date;
  /** Of the registry when it was written, a bigint as text. */
  generation: string;
}

export interface ApiKeyTable {
  key_id: string;
  /** Null: bound to no tenant. */
  tenant_id: string | null;
  /** SHA-256. */
  hash: Buffer;
  roles: ColumnType<unknown, string, string>;
  scopes: ColumnType<unknown, string, string>;
  description: string;
  created_at: Generated<Date>;
  created_by: string;
  owner: string;
  rate_limit_per_minute: Nullable<number>;
  expires_at: Date;
  revoked_at: Nullable<Date>;
  rotated_to: Nullable<string>;
  last_used: Nullable<Date>;
  revision: string;
}

export interface AllowListTable {
  sequence: Generated<string>;
  entry_id: string;
  tenant_id: string;
  fingerprint: string;
  policy_bundle: string | null;
  detector: string;
  label: string;
  reason: string;
  created_at: Timestamp;
  created_by: string;
  expires_at: Timestamp;
  approved_at: NullableTimestamp;
  approved_by: string | null;
  approved_revision: Nullable<string>;
  revoked_at: NullableTimestamp;
  revoked_by: string | null;
  revoked_revision: Nullable<string>;
  revision: Nullable<string>;
}
