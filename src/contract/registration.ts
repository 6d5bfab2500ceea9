import { z } from 'zod';
import { contentTypes } from './enums';
import { detectorFallbackSchema } from './detector-fallback';
import { checkParams } from './detector-params';
import { authTypes, checkAuthConfig } from './outbound-auth';
import { type Protocol, protocols, traitsOf } from './protocols';
import { namePattern, nameSchema, versionSchema } from './text';
import { urlPathSchema } from './url-path';

/** How raw scores become [0, 1] (spec/orchestration.md 3.3). */
export const scoreNormalizationSchema = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('identity') }),
  z.strictObject({ method: z.literal('percent') }),
  z
    .strictObject({ method: z.literal('min_max'), min: z.number(), max: z.number() })
    .refine((n) => n.max > n.min, {
      error: 'max must be greater than min',
    }),
  z.strictObject({ method: z.literal('sigmoid') }),
  z.strictObject({ method: z.literal('boolean') }),
]);
export type ScoreNormalization = z.output<typeof scoreNormalizationSchema>;

/** Where in a JSON answer the generic adapter finds things; paths are JSON pointers. */
export const httpMappingSchema = z.strictObject({
  method: z.enum(['POST', 'PUT']).default('POST'),
  headers: z.record(z.string(), z.string()).default({}),
  /** The request body: any JSON in which the strings `{{content}}`, `{{content_type}}`, `{{request_id}}`, `{{tenant_id}}` are filled in. */
  request: z.json(),
  response: z.strictObject({
    /** Pointer to a list of findings; absent: the answer is one verdict. */
    findings: z.string().startsWith('/').optional(),
    /** Pointer to the label, from a finding or from the answer. */
    label: z.string().startsWith('/'),
    score: z.string().startsWith('/').optional(),
    start: z.string().startsWith('/').optional(),
    end: z.string().startsWith('/').optional(),
    /** Unit of start and end. */
    offsets: z.enum(['code_points', 'utf16', 'bytes']).default('code_points'),
  }),
});
export type HttpMapping = z.output<typeof httpMappingSchema>;

export const detectorCapabilitiesSchema = z.strictObject({
  supported_content_types: z.array(z.enum(contentTypes)).min(1),
  max_content_length: z.int().positive().default(50_000),
  average_processing_time_ms: z.int().nonnegative().nullable().default(null),
  confidence_calibrated: z.boolean().default(false),
  batch_supported: z.boolean().default(false),
  taxonomy_categories: z.array(z.string()).default([]),
  /** Who says so: the registration, the detector itself at `/capabilities`, or nobody. */
  origin: z.enum(['declared', 'fetched', 'assumed']).default('declared'),
});

function givesFindings({ protocol, http }: { protocol: Protocol; http?: HttpMapping | undefined }): boolean {
  return traitsOf(protocol).findings && (protocol !== 'http-json' || http?.response.findings !== undefined);
}

function leadsSomewhere(endpoint: string): boolean {
  const [scheme, name] = endpoint.split(':', 2);
  return scheme === 'builtin' ? namePattern.test(name!) : URL.canParse(endpoint);
}

/** A detector as an operator registers it (spec/orchestration.md 1.10, spec/README.md "Two detector calls"). */
export const detectorRegistrationSchema = z
  .strictObject({
    name: nameSchema,
    detector_type: z.string().min(1).max(100).optional(),
    version: versionSchema.default('1.0'),
    protocol: z.enum(protocols).default('detectors-api'),
    endpoint: z
      .string()
      .max(500)
      .regex(/^(https?:\/\/|builtin:)/, 'must begin with http://, https:// or builtin:')
      .refine(leadsSomewhere, {
        error: 'must be a whole URL, or builtin: and the name of a builtin detector',
      })
      .refine((endpoint) => !/^https?:\/\/[^/?#]*@/.test(endpoint), {
        error: 'must not hold a password; use auth_type and auth_config',
      }),
    auth_type: z.enum(authTypes).default('none'),
    auth_config: z.record(z.string(), z.json()).default({}),
    timeout_ms: z.int().min(100).max(30_000).default(5000),
    max_retries: z.int().min(0).max(5).default(2),
    health_check_path: urlPathSchema.default('/health'),
    capabilities: detectorCapabilitiesSchema.default({
      supported_content_types: ['text'],
      max_content_length: 50_000,
      average_processing_time_ms: null,
      confidence_calibrated: false,
      batch_supported: false,
      taxonomy_categories: [],
      origin: 'assumed',
    }),
    priority_weight: z.number().positive().max(100).default(1),
    traffic_percent: z.int().min(0).max(100).default(100),
    depends_on: z.array(nameSchema).default([]),
    score_normalization: scoreNormalizationSchema.default({ method: 'identity' }),
    label_severity: z.record(z.string(), z.number().min(0).max(100)).default({}),
    tenant_scope: z.enum(['own', 'shared']).default('shared'),
    /** Only with tenant_scope `own`. */
    tenant_id: z.string().optional(),
    /** Detectors API: name of the detector at its server, sent as `detector-id`; default: the name. */
    detector_id: z.string().max(100).optional(),
    /** Settings of the protocol (docs/detectors.md); detectors-api: passed on as `detector_params`. */
    params: z.record(z.string(), z.json()).default({}),
    /** Most contents in one call; 1 where the protocol has no batches. */
    max_batch: z.int().min(1).max(256).default(32),
    /** Pool of workers that calls this detector; absent: the fast lane may. */
    pool: nameSchema.optional(),
    http: httpMappingSchema.optional(),
    /**
     * What becomes of content over max_content_length: parts of it are judged one by one, or none of it is. Default:
     * split, except where an answer is one verdict, which parts cannot add up to.
     */
    long_content: z.enum(['split', 'skip']).optional(),
    /** Default: its failure stands (docs/failure-policy.md). */
    fallback: detectorFallbackSchema.optional(),
    /** What it must flag to be taken at its word; default: a sample of its kind (docs/registry.md). */
    canary: z
      .strictObject({
        content: z.string().min(1).max(50_000),
        /** Labels of which one must be found; default: any finding. */
        expect: z.array(z.string().min(1).max(128)).min(1).optional(),
      })
      .optional(),
  })
  .refine((registration) => registration.protocol !== 'http-json' || registration.http !== undefined, {
    path: ['http'],
    error: 'protocol http-json needs the http section with request and response mapping',
  })
  .refine((registration) => registration.long_content !== 'split' || givesFindings(registration), {
    path: ['long_content'],
    error: 'split needs a protocol that answers with findings',
  })
  .refine(({ name, fallback }) => fallback?.strategy !== 'alternate' || fallback.detector !== name, {
    path: ['fallback', 'detector'],
    error: 'must be another detector',
  })
  .superRefine(checkAuthConfig)
  .superRefine(checkParams)
  .refine(
    ({ protocol, capabilities }) =>
      traitsOf(protocol).images || !capabilities.supported_content_types.includes('image'),
    {
      path: ['capabilities', 'supported_content_types'],
      error: 'must not name image: this protocol would read it as a text',
    },
  )
  .refine(
    ({ protocol, score_normalization: how }) => !traitsOf(protocol).ownScale || how.method === 'identity',
    {
      path: ['score_normalization'],
      error: 'goes with protocols without a scale of their own',
    },
  )
  .refine(({ auth_type, params }) => auth_type === 'none' || params['access_key'] === undefined, {
    path: ['auth_type'],
    error: 'must be none when params.access_key signs the calls',
  })
  .refine(
    (registration) => (registration.tenant_scope === 'own') === (registration.tenant_id !== undefined),
    {
      path: ['tenant_id'],
      error: 'goes with tenant_scope own, and only with it',
    },
  )
  .meta({ id: 'DetectorRegistration' });
export type DetectorRegistration = z.output<typeof detectorRegistrationSchema>;
