import { z } from 'zod';
import { secretReferenceSchema } from './outbound-auth';
import type { Protocol } from './protocols';

const text = z.string().min(1).max(500);
const words = z.array(text).max(200);
const unit = z.number().min(0).max(1);
const passedOn = z.record(z.string(), z.json());
/** A piece of a URL path. */
const pathPart = z
  .string()
  .regex(/^[A-Za-z0-9._~:-]{1,200}$/, 'must be letters, digits, `.`, `_`, `~`, `:` or `-`');
/** Whether the content is what a user says or what a model answers. */
const role = z.enum(['user', 'assistant']).default('user');

/** Which labels of a classifier are findings. */
const classification = {
  /** Only these are; default: all but the benign ones. */
  labels: words.min(1).optional(),
  benign_labels: words.default([
    ...['clean', 'safe', 'none', 'ok', 'benign', 'neutral', 'normal', 'negative', 'non-toxic', 'not-toxic'],
    ...['SAFE', 'BENIGN', 'NEUTRAL', 'NEGATIVE', 'Normal'],
  ]),
  /** Least score of a finding. */
  threshold: unit.default(0.5),
};

/** A calibration: what each level of a scale is worth, where it is not the default. */
function levels<Level extends string>(defaults: Readonly<Record<Level, number>>) {
  return z
    .partialRecord(z.enum(Object.keys(defaults) as Level[]), unit)
    .default({})
    .transform((own): Record<Level, number> => ({ ...defaults, ...own }));
}

export const likelihoods = ['VERY_UNLIKELY', 'UNLIKELY', 'POSSIBLE', 'LIKELY', 'VERY_LIKELY'] as const;
export const bedrockConfidences = ['NONE', 'LOW', 'MEDIUM', 'HIGH'] as const;
export const azureCategories = ['Hate', 'SelfHarm', 'Sexual', 'Violence'] as const;

const detectorParams = passedOn;
const aroundDetectorsApi = { detector_params: detectorParams.default({}) };

/** What a registration's `params` may hold, by protocol. */
export const paramsSchemas = {
  'detectors-api': detectorParams,
  'detectors-api-chat': z.strictObject({ ...aroundDetectorsApi, role }),
  'detectors-api-generation': z.strictObject(aroundDetectorsApi),
  'detectors-api-context': z.strictObject({
    ...aroundDetectorsApi,
    /** Servers differ in which of these they know. */
    context_type: z.enum(['docs', 'url', 'chunks', 'document']).default('docs'),
  }),
  conclave: passedOn,
  'http-json': passedOn,
  presidio: z.strictObject({
    language: text.default('en'),
    entities: words.min(1).optional(),
    score_threshold: unit.optional(),
    ad_hoc_recognizers: z.array(passedOn).optional(),
    context: words.optional(),
    allow_list: words.optional(),
    allow_list_match: z.enum(['exact', 'regex']).optional(),
    regex_flags: z.int().optional(),
  }),
  'openai-moderations': z.strictObject({
    model: text.default('omni-moderation-latest'),
    /** The categories that are relied on; default: all that the answer names. */
    categories: words.min(1).optional(),
    /** Least score of a finding, by category; default: the service's own decision. */
    thresholds: z.record(text, unit).default({}),
  }),
  tei: z
    .strictObject({
      ...classification,
      truncate: z.boolean().default(false),
      truncation_direction: z.enum(['Left', 'Right']).optional(),
      /** With truncate: what the model reads, so that texts that surely fit are known to be judged whole. */
      max_input_tokens: z.int().positive().default(512),
    })
    .refine((params) => params.truncate || params.truncation_direction === undefined, {
      path: ['truncation_direction'],
      error: 'goes with truncate only',
    }),
  'hf-inference': z.strictObject({
    ...classification,
    function_to_apply: z.enum(['sigmoid', 'softmax', 'none']).optional(),
    top_k: z.int().positive().optional(),
  }),
  'llama-guard': z.strictObject({
    model: text,
    role,
    max_tokens: z.int().min(4).max(1000).default(100),
    /** Asks for a score; servers that refuse it need `false`. */
    logprobs: z.boolean().default(true),
    /** Labels by category code, before the built-in names. */
    labels: z.record(z.string().regex(/^[A-Z]\d{1,2}$/), text).default({}),
  }),
  'llm-guard': z.strictObject({
    target: z.enum(['prompt', 'output']).default('prompt'),
    api: z.enum(['scan', 'analyze']).default('scan'),
    scanners_suppress: words.default([]),
    /** Least score of a finding; default: the service's own decision. */
    threshold: unit.optional(),
  }),
  'guardrails-ai': z.strictObject({
    guard: pathPart,
    num_reasks: z.int().min(0).max(10).default(0),
    prompt_params: passedOn.optional(),
    metadata: passedOn.optional(),
  }),
  'nemo-checks': z
    .strictObject({
      /** `checks`: the open-source server; `microservice`: the NeMo microservice. */
      api: z.enum(['checks', 'microservice']).default('checks'),
      model: text,
      config_id: text.optional(),
      config_ids: words.min(1).optional(),
      rail_types: words.min(1).optional(),
      role,
    })
    .refine((params) => (params.config_id === undefined) !== (params.config_ids === undefined), {
      path: ['config_id'],
      error: 'either config_id or config_ids is needed',
    })
    .refine((params) => params.api === 'checks' || (!params.config_ids && !params.rail_types), {
      path: ['api'],
      error: 'the microservice takes config_id alone',
    }),
  'azure-content-safety': z.strictObject({
    api_version: text.default('2024-09-01'),
    categories: z.array(z.enum(azureCategories)).min(1).optional(),
    blocklist_names: words.min(1).optional(),
    halt_on_blocklist_hit: z.boolean().optional(),
    output_type: z.enum(['FourSeverityLevels', 'EightSeverityLevels']).default('FourSeverityLevels'),
    /** Least severity of a finding. */
    min_severity: z.int().min(1).max(7).default(1),
  }),
  'azure-prompt-shield': z.strictObject({
    api_version: text.default('2024-09-01'),
    /** Whether the content is a user's prompt or a document that a prompt brings along. */
    target: z.enum(['prompt', 'document']).default('prompt'),
  }),
  'bedrock-guardrail': z.strictObject({
    region: pathPart,
    guardrail_id: pathPart,
    guardrail_version: pathPart.default('DRAFT'),
    source: z.enum(['INPUT', 'OUTPUT']).default('INPUT'),
    qualifiers: z
      .array(z.enum(['grounding_source', 'query', 'guard_content']))
      .min(1)
      .optional(),
    output_scope: z.enum(['INTERVENTIONS', 'FULL']).default('INTERVENTIONS'),
    /** Absent: the registration's auth_type authenticates, with a Bedrock API key. */
    access_key: z
      .strictObject({
        id_ref: secretReferenceSchema,
        secret_ref: secretReferenceSchema,
        session_token_ref: secretReferenceSchema.optional(),
      })
      .optional(),
    calibration: levels({ NONE: 0, LOW: 0.4, MEDIUM: 0.7, HIGH: 0.95 }),
  }),
  'google-dlp': z.strictObject({
    project: pathPart,
    location: pathPart.default('global'),
    info_types: words.min(1).optional(),
    min_likelihood: z.enum(likelihoods).default('POSSIBLE'),
    max_findings: z.int().min(1).max(3000).optional(),
    custom_info_types: z.array(passedOn).optional(),
    inspect_template: text.optional(),
    calibration: levels({
      VERY_UNLIKELY: 0.05,
      UNLIKELY: 0.25,
      POSSIBLE: 0.5,
      LIKELY: 0.75,
      VERY_LIKELY: 0.95,
    }),
  }),
  'lakera-guard': z.strictObject({ project_id: text.optional(), role, metadata: passedOn.optional() }),
} as const satisfies Record<Protocol, z.ZodType>;

export type DetectorParams<P extends Protocol> = z.output<(typeof paramsSchemas)[P]>;

/** For `superRefine`: the faults of `params` under their protocol. */
export function checkParams(
  { protocol, params }: { readonly protocol: Protocol; readonly params: unknown },
  context: z.RefinementCtx,
): void {
  const { error } = paramsSchemas[protocol].safeParse(params);
  for (const { path, message } of error?.issues ?? []) {
    context.addIssue({ code: 'custom', path: ['params', ...path], message });
  }
}
