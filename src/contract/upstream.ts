import { z } from 'zod';
import { connectionHeaders } from './connection-headers';
import { authTypes, checkAuthConfig } from './outbound-auth';
import { nameSchema, versionSchema } from './text';
import type { DetectorRegistration } from './registration';
import { urlPathSchema } from './url-path';

export const upstreamKinds = ['detector', 'mapper', 'analysis', 'http'] as const;
export type UpstreamKind = (typeof upstreamKinds)[number];
/** `inactive`: taken out by an operator; `disabled`: so by its configuration. */
export const upstreamStatuses = ['active', 'inactive', 'disabled', 'unhealthy'] as const;
export type UpstreamStatus = (typeof upstreamStatuses)[number];
export const upstreamSources = ['config', 'manual', 'discovery'] as const;
export type UpstreamSource = (typeof upstreamSources)[number];

const seconds = (min: number, max: number) => z.number().min(min).max(max);
const int = (min: number, max: number) => z.int().min(min).max(max);
/** A status, or a class of them like `5xx`. */
const statusOrClass = z.union([int(100, 599), z.string().regex(/^[1-5]xx$/, 'must be a status or like 5xx')]);
const httpUrl = z
  .string()
  .max(2048)
  .regex(/^https?:\/\//, 'must begin with http:// or https://')
  .refine((url) => URL.canParse(url), { error: 'must be an absolute URL', abort: true })
  .refine((url) => new URL(url).username === '' && new URL(url).password === '' && !url.includes('#'), {
    error: 'must have no user, password or fragment',
  });

/** How an upstream is probed (spec/gateway.md 2.2). Durations in seconds. */
export const healthCheckSchema = z.strictObject({
  enabled: z.boolean().default(true),
  type: z.enum(['http_get', 'http_head', 'http_post', 'tcp', 'custom']).default('http_get'),
  path: urlPathSchema.optional(),
  url: httpUrl.optional(),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().max(10_000).optional(),
  interval: seconds(5, 3600).default(30),
  timeout: seconds(1, 60).default(10),
  unhealthy_threshold: int(1, 10).default(3),
  unhealthy_interval: seconds(1, 3600).default(10),
  healthy_threshold: int(1, 10).default(2),
  backoff_after: int(1, 100).default(6),
  backoff_multiplier: z.number().min(1).max(10).default(2),
  max_interval: seconds(5, 3600).default(300),
  /** Default: 200 to 399. */
  expected_status: z.array(statusOrClass).min(1).default(['2xx', '3xx']),
  /** A substring, `/a regular expression/`, or `{pointer, value}` of a JSON body. */
  expected_body: z
    .union([z.string().min(1).max(1000), z.strictObject({ pointer: z.string(), value: z.json() })])
    .optional(),
  retries: int(0, 5).default(0),
  retry_delay: seconds(0.1, 10).default(1),
  history_size: int(0, 10_000).default(100),
  remove_unhealthy: z.boolean().default(true),
  /** How long unhealthy before it is skipped. */
  remove_after: seconds(0, 3600).default(0),
  alert_threshold: int(1, 100).default(5),
  webhook_url: httpUrl.optional(),
});
export type HealthCheck = z.output<typeof healthCheckSchema>;

/** When an upstream's breaker opens and what is answered then (spec/gateway.md 2.3). Durations in seconds. */
export const circuitBreakerSchema = z
  .strictObject({
    window_type: z.enum(['consecutive', 'sliding']).default('consecutive'),
    failure_threshold: int(1, 100).default(5),
    window_seconds: seconds(1, 3600).default(60),
    minimum_calls: int(1, 10_000).default(10),
    failure_rate_threshold: z.number().min(0).max(1).default(0.5),
    reset_timeout: seconds(1, 3600).default(60),
    recovery: z.enum(['fixed', 'exponential']).default('fixed'),
    half_open_max_calls: int(1, 10).default(3),
    half_open_successes: int(1, 10).default(1),
    failure_statuses: z.array(statusOrClass).default(['5xx']),
    fallback_strategy: z
      .enum(['error_response', 'cached_response', 'default_response', 'redirect'])
      .default('error_response'),
    fallback_status: int(200, 599).default(200),
    fallback_response: z.json().default(null),
    redirect_url: httpUrl.optional(),
    cache_ttl: seconds(0, 86_400).default(300),
    cache_max_entries: int(1, 10_000).default(100),
    cache_max_bytes: int(1, 1_048_576).default(10_240),
    reset_on_healthy: z.boolean().default(true),
    trip_on_unhealthy: z.boolean().default(false),
  })
  .refine((breaker) => breaker.half_open_successes <= breaker.half_open_max_calls, {
    path: ['half_open_successes'],
    error: 'must not exceed half_open_max_calls',
  })
  .refine((breaker) => breaker.fallback_strategy !== 'redirect' || breaker.redirect_url !== undefined, {
    path: ['redirect_url'],
    error: 'is required by fallback_strategy redirect',
  });
export type CircuitBreaker = z.output<typeof circuitBreakerSchema>;

export const httpMethods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const;

const settableHeader = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'must be the name of a header')
  .refine((name) => ![...connectionHeaders, 'host', 'content-length'].includes(name.toLowerCase()), {
    error: 'belongs to the connection and cannot be set',
  });
const headerText = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be one line of text');

/** Changes on the way through the proxy; headers of the connection cannot be set. */
const transformSchema = z.strictObject({
  strip_prefix: z.string().startsWith('/').optional(),
  add_prefix: z.string().startsWith('/').optional(),
  set_headers: z.record(settableHeader, headerText).default({}),
  remove_headers: z.array(z.string()).default([]),
  set_query: z.record(z.string(), z.string()).default({}),
  remove_query: z.array(z.string()).default([]),
  response_set_headers: z.record(settableHeader, headerText).default({}),
  response_remove_headers: z.array(z.string()).default([]),
});

/** An upstream as it is configured (spec/gateway.md 2.1). Durations in seconds. */
export const endpointSchema = z
  .strictObject({
    url: httpUrl,
    /** Needed for a route; without one it is only watched. */
    name: nameSchema.optional(),
    version: versionSchema.optional(),
    kind: z.enum(upstreamKinds).default('http'),
    /** Default: the kind. */
    group: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'must be 1-64 lower-case letters, digits or `-`')
      .optional(),
    methods: z.array(z.enum(httpMethods)).min(1).default(['GET']),
    auth_type: z.enum(authTypes).default('none'),
    auth_config: z.record(z.string(), z.json()).default({}),
    disabled: z.boolean().default(false),
    health_check_path: urlPathSchema.optional(),
    timeout: seconds(1, 300).default(30),
    idle_timeout: seconds(1, 300).default(30),
    connect_timeout: seconds(1, 300).default(5),
    retries: int(0, 5).default(0),
    stream: z.boolean().default(false),
    max_body_bytes: z.int().positive().default(10_485_760),
    follow_redirects: z.boolean().default(false),
    transform: transformSchema.prefault({}),
    forward_credentials: z.boolean().optional(),
    health_check: healthCheckSchema.prefault({}),
    circuit_breaker: circuitBreakerSchema.prefault({}),
    sla_ms: z.int().positive().nullable().default(null),
    cost_per_call: z.number().nonnegative().default(0),
    llm_server: z.enum(['llamacpp', 'vllm', 'tgi', 'triton']).nullable().default(null),
    /** Default: only outside production. */
    allow_private_network: z.boolean().optional(),
    description: z.string().max(1000).nullable().default(null),
    tags: z.array(z.string().max(100)).max(50).default([]),
  })
  .superRefine((endpoint, context) => {
    // Without credentials of its own it gets the callers'.
    if (Object.keys(endpoint.auth_config).length > 0) checkAuthConfig(endpoint, context);
  });
export type EndpointConfig = z.output<typeof endpointSchema>;

/** One entry of the registry, whatever its kind (spec/gateway.md 3). */
export interface Upstream {
  /** `name` without a version, else `name@version`; unnamed: `endpoint_` and 12 hex digits of the url's SHA-256. */
  readonly endpoint_id: string;
  readonly config: EndpointConfig;
  /** What else is known of a detector; null for every other kind. */
  readonly detector: DetectorRegistration | null;
  readonly status: Exclude<UpstreamStatus, 'unhealthy'>;
  readonly source: UpstreamSource;
  readonly registration_time: string;
  readonly updated_at: string;
}
