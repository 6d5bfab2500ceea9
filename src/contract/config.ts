import { z } from 'zod';
import { authSettingsSchema } from './auth-config';
import { cronSchema } from './cron';
import { discoverySchema } from './discovery';
import { environments } from './enums';
import { notificationsSchema } from './notifications-config';
import { secretReferenceSchema } from './outbound-auth';
import { hostPatternSchema, nameSchema, tenantSchema } from './text';
import { tlsSchema } from './tls';

const port = z.int().min(0).max(65_535);
const ms = z.int().positive();
const filePath = z.string().min(1);

const serviceSchema = z.strictObject({
  environment: z.enum(['development', 'staging', 'production']).default('development'),
  host: z.string().default('127.0.0.1'),
  port: port.default(8000),
  /** Everything Conclave keeps on this machine: databases, logs, keys. */
  data_dir: filePath.default('./data'),
  /** Seconds that requests in flight have to finish after SIGTERM. */
  drain_seconds: z.int().min(0).max(300).default(30),
  tls: tlsSchema.prefault({}),
});

const databaseSchema = z.strictObject({
  /** Without it `npm start` runs a PostgreSQL of its own under data_dir. */
  url: z.string().startsWith('postgres').nullable().default(null),
  embedded_port: port.default(5433),
  pool_size: z.int().min(2).max(100).default(20),
});

const redisSchema = z.strictObject({ url: z.string().startsWith('redis').nullable().default(null) });

/** Whole words only, so that what is acme's is not acme2's. */
const secretPrefix = z
  .string()
  .regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*_|file:\/.*\/|vault:[^#]+\/)$/,
    'must begin references and end in / (file:/run/secrets/acme/, vault:secret/data/acme/) or _ (env:ACME_)',
  );

const mebibyte = 1024 * 1024;

const securitySchema = z.strictObject({
  /** Requests without credentials are served; only in development on loopback. */
  auth_disabled: z.boolean().default(true),
  /** Whether `/metrics` asks for no credential; null: in development on loopback only. */
  metrics_public: z.boolean().nullable().default(null),
  /** Proxies before us that tell a caller's address in X-Forwarded-For. */
  trusted_proxies: z.int().min(0).max(10).default(0),
  /**
   * 32 bytes in base64, or more of them, apart by commas: which wraps is in the database (docs/keys.md). Without it a key
   * is made once and kept in data_dir with mode 0600.
   */
  master_key: z.string().nullable().default(null),
  /** A file that holds the same, one a line, and is read again when it changes. */
  master_key_file: filePath.nullable().default(null),
  /** When all tenants are given new keys, in UTC; null: when somebody asks for it. */
  key_rotation_schedule: cronSchema.nullable().default('0 5 1 */6 *'),
  max_body_bytes: z
    .int()
    .positive()
    .default(10 * 1024 * 1024),
  /** Pages of these origins may call, `https://console.example.com`; without any none may. */
  cors_origins: z
    .array(
      z
        .string()
        .regex(/^https?:\/\/[A-Za-z0-9.[\]:-]+$/, 'must be an origin like https://console.example.com'),
    )
    .default([]),
  /** What callers write outside of the content and looks like an attack (docs/firewall.md). */
  waf: z
    .strictObject({
      /** Whether such requests are refused, or let in and counted. */
      mode: z.enum(['block', 'monitor']).default('block'),
      /** Tenants whose bodies are let in in either mode. */
      monitored_tenants: z.array(tenantSchema).default([]),
    })
    .prefault({}),
  /** Signs webhooks by the Standard Webhooks scheme: `whsec_` and base64; without it none is sent. */
  webhook_secret: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'must be whsec_ and at least 24 bytes in base64')
    .nullable()
    .default(null),
  /** Bearer token that Temporal Web's codec requests must carry; without it decoding is off. */
  codec_token: z.string().min(16).nullable().default(null),
  /** Hosts that upstreams may have: names, addresses, `*.suffix`. Without it: any, but in production none but our own. */
  outbound_hosts: z.array(hostPatternSchema).nullable().default(null),
  /** Those of them that may stand in a private network in production. */
  outbound_private_hosts: z.array(hostPatternSchema).default([]),
  /** By tenant, how references to secrets begin that detectors of its own may be given; others have none. */
  tenant_secrets: z.record(tenantSchema, z.array(secretPrefix)).default({}),
});

const orchestrationSchema = z
  .strictObject({
    sync_request_sla_ms: ms.default(2000),
    async_request_sla_ms: ms.default(30_000),
    mapper_timeout_budget_ms: ms.default(500),
    sync_to_async_threshold_ms: ms.default(1500),
    priority_sla_overrides: z
      .strictObject({ critical: ms.default(1000), low: ms.default(5000) })
      .default({ critical: 1000, low: 5000 }),
    max_concurrent_detectors: z.int().min(1).max(100).default(10),
    health_check_interval_seconds: z.number().positive().default(30),
    health_probe_timeout_ms: ms.default(2000),
    /** Health checks under way at a time. */
    health_check_concurrency: z.int().min(1).max(100).default(10),
    suspect_probe_interval_seconds: z.number().positive().default(5),
    degraded_threshold: z.int().min(1).default(2),
    unhealthy_threshold: z.int().min(1).default(3),
    unhealthy_removal_timeout_seconds: z.number().positive().default(30),
    recovery_check_interval_seconds: z.number().positive().default(60),
    circuit_breaker_failure_threshold: z.int().min(1).default(5),
    circuit_breaker_recovery_timeout_seconds: z.number().positive().default(60),
    half_open_test_requests: z.int().min(1).default(3),
    min_detectors_ready: z.int().min(0).default(1),
    default_rate_limit_per_minute: z.int().min(1).max(1_000_000).default(1000),
    idempotency_retention_hours: z.number().positive().default(24),
    /** Sync requests of equal plans that arrive while runs are in flight share the next one; off: a run for each. */
    shared_runs: z.boolean().default(true),
    /** Answers to the same content under the same plan come out of a cache, in process or, with redis.url, shared. */
    cache_enabled: z.boolean().default(true),
    /** 0 turns the cache off. */
    response_cache_ttl_seconds: z.int().min(0).max(86_400).default(300),
    /** Bounds of the cache in process; in Redis its own maxmemory bounds it. */
    response_cache_max_entries: z.int().min(1).default(20_000),
    response_cache_max_bytes: z
      .int()
      .min(1024)
      .default(64 * 1024 * 1024),
    /** Items of one bulk upload. */
    bulk_max_items: z.int().min(1).max(100_000).default(100_000),
    /** Sync requests of one facade that may wait for a shared run; the measured limit is lower as a rule. */
    max_waiting_requests: z.int().min(1).max(100_000).default(1000),
    /** Sync requests of one facade in runs of their own at a time: critical ones, and others that cannot share. */
    max_lone_runs: z.int().min(1).max(10_000).default(256),
    /** Jobs that may wait for their turn; the measured limit is lower as a rule. */
    max_queued_jobs: z.int().min(1).max(1_000_000).default(1000),
    /** Minutes after the end during which a re-run may still copy the content; then its key is destroyed. */
    content_retention_minutes: z.number().min(0).max(10).default(9),
  })
  .superRefine((settings, context) => {
    if (settings.sync_to_async_threshold_ms > settings.sync_request_sla_ms) {
      context.addIssue({
        code: 'custom',
        path: ['sync_to_async_threshold_ms'],
        message: 'must not exceed sync_request_sla_ms',
      });
    }
    const { critical, low } = settings.priority_sla_overrides;
    if (settings.mapper_timeout_budget_ms > Math.min(settings.sync_request_sla_ms, critical, low)) {
      context.addIssue({
        code: 'custom',
        path: ['mapper_timeout_budget_ms'],
        message: 'must not exceed any SLA',
      });
    }
  });

/** Files that are judged: what of them is read, and how long it may take (docs/content.md). */
const contentSchema = z.strictObject({
  max_upload_bytes: z
    .int()
    .min(1024)
    .max(64 * mebibyte)
    .default(10 * mebibyte),
  max_image_bytes: z
    .int()
    .min(1024)
    .max(16 * mebibyte)
    .default(4 * mebibyte),
  /** Width times height; what decodes an image needs four bytes for each. */
  max_image_pixels: z.int().min(1).default(40_000_000),
  /** Of what the items of one batch hold by reference, images in base64: all of it is in memory at a time. */
  max_batch_content_characters: z
    .int()
    .min(24 * mebibyte)
    .default(32 * mebibyte),
  max_document_characters: z.int().min(1000).max(2_000_000).default(500_000),
  max_document_pages: z.int().min(1).default(500),
  /** Of all parts of an Office file together. */
  max_inflated_bytes: z
    .int()
    .min(1024)
    .default(64 * mebibyte),
  max_archive_entries: z.int().min(1).default(5000),
  /** What a document takes longer to read is refused. */
  reading_timeout_ms: ms.default(10_000),
  /** Of the process that reads one document. */
  reading_memory_mb: z.int().min(128).max(4096).default(512),
  max_concurrent_readings: z.int().min(1).max(64).default(2),
  max_waiting_readings: z.int().min(0).max(10_000).default(32),
  max_concurrent_uploads: z.int().min(1).max(1000).default(8),
  /** What is uploaded and not expired. */
  max_uploads_per_tenant: z.int().min(1).default(200),
  max_upload_bytes_per_tenant: z
    .int()
    .min(1024)
    .default(256 * mebibyte),
  upload_retention_minutes: z.number().positive().max(15).default(15),
});

const registrySchema = z.strictObject({
  path: filePath.default('./config/detectors.yaml'),
  builtin_host: z.string().default('127.0.0.1'),
  /** Where the builtin detector service listens, and is found by `builtin:` endpoints. */
  builtin_port: port.default(8010),
  /** Address of a builtin detector service elsewhere. */
  builtin_url: z.url().nullable().default(null),
  /** Where detectors are looked for besides: DNS names, services of a Kubernetes cluster. */
  discovery: z.array(discoverySchema).default([]),
});

const policySchema = z.strictObject({
  /** Where versions of policies are kept: files, for processes that share a folder, or the database. */
  store_type: z.enum(['file', 'postgres']).default('file'),
  /** Bundles that people edit as files, <tenant>/<bundle>/policy.yaml. */
  store_path: filePath.default('./policies'),
  /** Of store_type file; without it a folder in data_dir. */
  versions_path: filePath.nullable().default(null),
  /** Whether every version that is put must be approved by somebody else before it decides. */
  require_approval: z.boolean().default(false),
  /** Compiled bundles that stay in memory; the others are loaded when they are asked for. */
  max_resident_mb: z.int().min(1).max(10_000).default(64),
  decision_timeout_ms: ms.default(250),
});

const mapperSchema = z.strictObject({
  /** Without it the mapper runs inside this process on host and port. */
  url: z.url().nullable().default(null),
  host: z.string().default('127.0.0.1'),
  port: port.default(8001),
  taxonomy_path: filePath.default('./taxonomy'),
  service_key: z.string().min(16).nullable().default(null),
  auto_map_results: z.boolean().default(true),
});

/** Other products' APIs, under which Conclave stands in for them (docs/facades.md). */
const facadesSchema = z.strictObject({
  /** For whom calls without X-Tenant-ID are judged. */
  tenant_id: tenantSchema.default('demo'),
  /** For calls without X-Policy-Bundle. */
  policy_bundle: nameSchema.default('default'),
  environment: z.enum(environments).default('dev'),
  /** The credential that client libraries may show, since they must show one, while there is no authentication. */
  client_key: z.string().min(1).max(200).default('conclave'),
  /** Findings weaker than this do not flag a content by themselves. */
  flag_threshold: z.number().min(0).max(1).default(0.5),
  /** Findings of these categories, and of those below them, flag nothing. */
  ignored_categories: z.array(z.string().min(1)).default(['OTHER.NeedsReview']),
  /**
   * What LiteLLM's texts are flagged for by findings of these categories only, and of those below them, is masked instead
   * of blocked.
   */
  masked_categories: z.array(z.string().min(1)).default([]),
  /** How long a call may take; what is not judged by then is answered as not judged. */
  answer_within_ms: ms.default(5000),
});

/** Whom jobs call back when they have ended (docs/callbacks.md). */
const callbacksSchema = z.strictObject({
  /** A tenant that is not among them is not called back. */
  tenants: z
    .array(
      z.strictObject({
        tenant_id: tenantSchema,
        /** Where its receivers may be: names, addresses, `*.suffix`. */
        hosts: z.array(hostPatternSchema).min(1),
        /** What its callbacks are signed with, `whsec_` and base64. While it is changed two: the new one, and the old. */
        secret_refs: z.array(secretReferenceSchema).min(1).max(2),
      }),
    )
    .default([])
    .refine((tenants) => new Set(tenants.map(({ tenant_id }) => tenant_id)).size === tenants.length, {
      error: 'must not name a tenant twice',
    }),
  /** Hosts that may stand in a private network in production. */
  private_hosts: z.array(hostPatternSchema).default([]),
  timeout_ms: z.int().min(100).max(10_000).default(3000),
  /** Before each repetition; then it is given up. */
  retry_seconds: z
    .array(z.number().positive().max(86_400))
    .max(20)
    .default([1, 5, 30, 300, 1800, 7200, 18_000, 36_000]),
  /** Attempts under way in one process. */
  max_concurrent: z.int().min(1).max(500).default(20),
});

const routerSchema = z.strictObject({
  /** Whether detectors that all tenants share are reached through the proxy, too: by whoever may use that, under no policy. */
  proxy_detectors: z.boolean().default(false),
  /** Of one upstream; who finds them all in use waits, within its timeout. */
  max_connections_per_host: z.int().min(1).max(10_000).default(100),
});

/** The log of decisions and of what operators did (docs/audit.md). */
const auditSchema = z.strictObject({
  /**
   * Signs checkpoints: PKCS #8 of an Ed25519 key, as PEM or in base64. Without it a key is made once and kept in data_dir
   * with mode 0600.
   */
  signing_key: z.string().nullable().default(null),
  /** Public keys whose checkpoints are believed too, such as those that signed before. */
  trusted_keys: z.array(z.string()).default([]),
  checkpoint_minutes: z.number().positive().max(1440).default(15),
});

const monitoringSchema = z.strictObject({
  log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

const mostNamespaces = 16;

const workflowSchema = z.strictObject({
  /** host:port of a Temporal server; without it `npm start` runs one. */
  address: z.string().nullable().default(null),
  namespace: z.string().default('default'),
  /** By tenant, in which namespace all that is the tenant's runs; others' runs in the main one. Several may share one. */
  tenant_namespaces: z
    .record(tenantSchema, nameSchema)
    .default({})
    .refine((own) => new Set(Object.values(own)).size <= mostNamespaces, {
      error: `must not name more than ${mostNamespaces} namespaces: every process works in each of them`,
    }),
  tls: z.boolean().default(false),
  api_key: z.string().nullable().default(null),
  embedded_port: port.default(7233),
  embedded_ui_port: port.default(8233),
  task_queue: z.string().default('orchestrations'),
  /** Named pools of slow or bound detectors that this worker serves. */
  pools: z.array(z.string()).default([]),
  max_concurrent_workflow_tasks: z.int().min(2).default(40),
  max_concurrent_local_activities: z.int().min(1).default(1000),
  max_concurrent_activities: z.int().min(1).default(100),
  /** Jobs that one process has in hand at a time; the others wait in Temporal's queue. */
  max_concurrent_jobs: z.int().min(1).max(1000).default(20),
});

/** config/settings.yaml (spec/orchestration.md 9.5). Every key has a default; unknown keys are refused. */
export const settingsSchema = z.strictObject({
  service: serviceSchema.prefault({}),
  database: databaseSchema.prefault({}),
  redis: redisSchema.prefault({}),
  security: securitySchema.prefault({}),
  auth: authSettingsSchema.prefault({}),
  orchestration: orchestrationSchema.prefault({}),
  content: contentSchema.prefault({}),
  registry: registrySchema.prefault({}),
  policy: policySchema.prefault({}),
  mapper: mapperSchema.prefault({}),
  facades: facadesSchema.prefault({}),
  router: routerSchema.prefault({}),
  callbacks: callbacksSchema.prefault({}),
  notifications: notificationsSchema.prefault({}),
  audit: auditSchema.prefault({}),
  monitoring: monitoringSchema.prefault({}),
  workflow: workflowSchema.prefault({}),
});
export type Settings = z.output<typeof settingsSchema>;

/** Short environment variables of the contract; every key also has its long form, e.g. ORCHESTRATION_SERVICE__PORT. */
export const environmentAliases: Readonly<Record<string, string>> = {
  ORCHESTRATION_ENV: 'service.environment',
  ORCHESTRATION_PORT: 'service.port',
  ORCHESTRATION_DATA_DIR: 'service.data_dir',
  ORCHESTRATION_DATABASE_URL: 'database.url',
  ORCHESTRATION_REDIS_URL: 'redis.url',
  ORCHESTRATION_JWT_SECRET_KEY: 'auth.jwt_secret_key',
  ORCHESTRATION_LOG_LEVEL: 'monitoring.log_level',
  ORCHESTRATION_DETECTOR_REGISTRY_PATH: 'registry.path',
  ORCHESTRATION_POLICY_STORE_TYPE: 'policy.store_type',
  ORCHESTRATION_POLICY_STORE_PATH: 'policy.store_path',
};

/** Keys whose values never leave the process. */
export const secretKeys: readonly string[] = [
  'database.url',
  'redis.url',
  'security.master_key',
  'security.webhook_secret',
  'security.codec_token',
  'auth.jwt_secret_key',
  'audit.signing_key',
  'mapper.service_key',
  'workflow.api_key',
];
