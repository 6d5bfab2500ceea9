import { z } from 'zod';
import { breakerStates } from './breaker';
import { detectorRegistrationSchema } from './registration';
import { endpointSchema, upstreamKinds, upstreamSources, upstreamStatuses } from './upstream';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();

/** Body of POST /detectors: a registration, and how to go about it. */
export const newDetectorSchema = detectorRegistrationSchema
  .safeExtend({
    /** Whether it is asked for its health and made to flag a known-bad sample first. */
    verify: z.boolean().default(true),
    /** Registers it whatever the verification says. */
    force: z.boolean().default(false),
    /** A detector that registers itself: it is forgotten when it sends no heartbeat for so long. */
    ttl_seconds: z.int().min(5).max(86_400).nullable().default(null),
  })
  .meta({ id: 'NewDetector' });

/** Body of PUT /detectors/{name}/traffic. */
export const trafficSchema = z
  .strictObject({ versions: z.record(z.string(), z.int().min(0).max(100)) })
  .meta({ id: 'TrafficSplit' });

/** Body of POST /detectors/{name}/test. */
export const detectorTestSchema = z
  .strictObject({ content: z.string().min(1).max(50_000).optional() })
  .meta({ id: 'DetectorTest' });

/** Body of POST /registry/endpoints. */
export const newEndpointSchema = z
  .strictObject({
    config: endpointSchema.refine(({ kind }) => kind !== 'detector', {
      path: ['kind'],
      error: 'detectors are registered with POST /detectors',
    }),
    verify: z.boolean().default(true),
    force: z.boolean().default(false),
  })
  .meta({ id: 'NewEndpoint' });

export const endpointStatusSchema = z
  .strictObject({ status: z.enum(['active', 'inactive', 'disabled']) })
  .meta({ id: 'EndpointStatusChange' });

/** Body of POST /config/validate: a file beside the registry file, or a document. */
export const configCandidateSchema = z
  .strictObject({ config_path: z.string().max(500).optional(), document: z.json().optional() })
  .refine(({ config_path: path, document }) => (path === undefined) !== (document === undefined), {
    error: 'name either config_path or document',
  })
  .meta({ id: 'ConfigCandidate', oneOf: [{ required: ['config_path'] }, { required: ['document'] }] });

/** An upstream as it is read; credentials and headers are not shown. */
export const registeredEndpointSchema = z
  .strictObject({
    endpoint_id: z.string(),
    url: z.string(),
    name: z.string().nullable(),
    version: z.string().nullable(),
    kind: z.enum(upstreamKinds),
    group: z.string(),
    methods: z.array(z.string()),
    auth_type: z.string(),
    disabled: z.boolean(),
    timeout: z.number(),
    description: z.string().nullable(),
    tags: z.array(z.string()),
    status: z.enum(upstreamStatuses),
    circuit_breaker_state: z.enum(breakerStates),
    source: z.enum(upstreamSources),
    registration_time: time,
    updated_at: time,
    last_health_check: time.nullable(),
    last_failure_time: time.nullable(),
    consecutive_failures: count,
  })
  .meta({ id: 'RegisteredEndpoint' });
export type RegisteredEndpoint = z.output<typeof registeredEndpointSchema>;

export const endpointListSchema = z
  .strictObject({
    endpoints: z.array(registeredEndpointSchema),
    /** Of those that the filters let through; the other counts are of all. */
    total_count: count,
    active_count: count,
    unhealthy_count: count,
    disabled_count: count,
    next_page_token: z.string().optional(),
  })
  .meta({ id: 'EndpointList' });

export const endpointRegisteredSchema = z
  .strictObject({
    success: z.literal(true),
    message: z.string(),
    endpoint_id: z.string(),
    endpoint_url: z.string(),
  })
  .meta({ id: 'EndpointRegistered' });

export const endpointRemovedSchema = z
  .strictObject({ success: z.literal(true), message: z.string(), endpoint_id: z.string() })
  .meta({ id: 'EndpointRemoved' });

export const endpointStatusChangedSchema = endpointRemovedSchema
  .extend({ new_status: z.enum(upstreamStatuses) })
  .meta({ id: 'EndpointStatusChanged' });

export const registryStatsSchema = z
  .strictObject({
    registry_stats: z.strictObject({
      total: count,
      active: count,
      inactive: count,
      disabled: count,
      unhealthy: count,
    }),
    timestamp: time,
  })
  .meta({ id: 'RegistryStats' });

const entryError = z.strictObject({ endpoint_id: z.string(), message: z.string() });

export const registrySyncSchema = z
  .strictObject({
    success: z.boolean(),
    message: z.string(),
    sync_result: z.strictObject({
      added: z.array(z.string()),
      updated: z.array(z.string()),
      removed: z.array(z.string()),
      errors: z.array(entryError),
    }),
    timestamp: time,
  })
  .meta({ id: 'RegistrySync' });

export const configReloadSchema = z
  .strictObject({
    success: z.boolean(),
    message: z.string(),
    endpoints_count: count,
    errors: z.array(entryError),
    version: z.string(),
    changes: z.strictObject({
      added: z.array(z.string()),
      updated: z.array(z.string()),
      removed: z.array(z.string()),
      unchanged_count: count,
    }),
  })
  .meta({ id: 'ConfigReload' });

export const configStatusSchema = z
  .strictObject({
    loaded: z.boolean(),
    version: z.string().nullable(),
    config_path: z.string(),
    endpoints_count: count,
    last_reload: time.nullable(),
    last_reload_error: z.string().nullable(),
    watching: z.boolean(),
    history: z
      .array(z.strictObject({ version: z.string(), at: time, outcome: z.enum(['applied', 'refused']) }))
      .max(20),
  })
  .meta({ id: 'ConfigStatus' });

export const configEndpointsSchema = z
  .strictObject({
    endpoints: z.array(z.record(z.string(), z.json())),
    total_count: count,
    active_count: count,
    disabled_count: count,
  })
  .meta({ id: 'ConfigEndpoints' });

export const configVerdictSchema = z
  .strictObject({
    valid: z.boolean(),
    error_message: z.string().nullable(),
    errors: z.array(
      z.strictObject({
        path: z.string(),
        message: z.string(),
        line: z.int().nullable(),
        column: z.int().nullable(),
      }),
    ),
    config_path: z.string().nullable(),
  })
  .meta({ id: 'ConfigVerdict' });

/** Answer of POST /detectors/{name}/test. */
export const detectorTestedSchema = z
  .strictObject({
    detector: z.string(),
    version: z.string(),
    /** Whether it judged the sample and, of a known-bad one, flagged it. */
    ok: z.boolean(),
    reason: z.string().nullable(),
    output: z.string().nullable(),
    confidence: z.number().nullable(),
    processing_time_ms: count.nullable(),
  })
  .meta({ id: 'DetectorTested' });

export const trafficChangedSchema = z
  .strictObject({ name: z.string(), versions: z.record(z.string(), z.int()) })
  .meta({ id: 'TrafficChanged' });
