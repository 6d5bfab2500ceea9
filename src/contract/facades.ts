import { z } from 'zod';

/** A body that other people's software defines: keys that we do not know are theirs to add. */
const open = z.looseObject;
/** What stands for "not there" in these protocols. */
const maybe = <T extends z.ZodType>(schema: T) => schema.nullish();

/** FMS orchestrator v2, POST /api/v2/text/detection/content (spec/detector-protocols.md). */
export const fmsRequestSchema = z
  .strictObject({
    detectors: z
      .record(z.string().min(1).max(100), z.strictObject({ threshold: z.number().min(0).max(1).optional() }))
      .refine((detectors) => Object.keys(detectors).length > 0, { error: 'must name a detector' })
      .refine((detectors) => Object.keys(detectors).length <= 20, {
        error: 'must name at most 20 detectors',
      }),
    content: z.string().min(1, 'must not be empty'),
  })
  .meta({ id: 'FmsContentDetectionRequest' });

export const fmsResponseSchema = z
  .strictObject({
    detections: z.array(
      z.strictObject({
        /** Code points. */
        start: z.int().nonnegative(),
        end: z.int().nonnegative(),
        text: z.string(),
        detection: z.string(),
        detection_type: z.string(),
        detector_id: z.string(),
        score: z.number().min(0).max(1),
      }),
    ),
  })
  .meta({ id: 'FmsContentDetectionResponse' });
export type FmsResponse = z.output<typeof fmsResponseSchema>;

export const fmsErrorSchema = z
  .strictObject({ code: z.int(), details: z.string() })
  .meta({ id: 'FmsErrorResponse' });
export type FmsError = z.output<typeof fmsErrorSchema>;

const imagePart = open({ type: z.literal('image_url'), image_url: open({ url: z.string() }) });
const textPart = open({ type: z.literal('text'), text: z.string() });
/** Texts or parts of one call. */
const maxInputs = 100;

/** OpenAI, POST /v1/moderations. A list of strings is so many inputs; a list of parts is one. */
export const moderationsRequestSchema = open({
  model: maybe(z.string().max(200)),
  input: z.union(
    [
      z.string(),
      z.array(z.string()).min(1).max(maxInputs),
      z
        .array(z.discriminatedUnion('type', [textPart, imagePart]))
        .min(1)
        .max(maxInputs),
    ],
    {
      error: `must be a string, 1-${maxInputs} strings, or 1-${maxInputs} parts of type text or image_url`,
    },
  ),
}).meta({ id: 'ModerationsRequest' });
export type ModerationsRequest = z.output<typeof moderationsRequestSchema>;

/** The categories that every result has; others are added where something else was found. */
export const moderationCategories = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/intent',
  'self-harm/instructions',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
] as const;

const moderationSchema = z.strictObject({
  flagged: z.boolean(),
  categories: z.record(z.string(), z.boolean()),
  category_scores: z.record(z.string(), z.number().min(0).max(1)),
  /** Empty for a category that no detector of the bundle looked for. */
  category_applied_input_types: z.record(z.string(), z.array(z.enum(['text', 'image']))),
});
export type Moderation = z.output<typeof moderationSchema>;

export const moderationsResponseSchema = z
  .strictObject({ id: z.string(), model: z.string(), results: z.array(moderationSchema) })
  .meta({ id: 'ModerationsResponse' });
export type ModerationsResponse = z.output<typeof moderationsResponseSchema>;

export const openAiErrorSchema = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: 'OpenAiErrorResponse' });
export type OpenAiError = z.output<typeof openAiErrorSchema>;

/** LiteLLM's generic guardrail API, POST /beta/litellm_basic_guardrail_api. */
export const litellmRequestSchema = open({
  input_type: z.enum(['request', 'response']),
  texts: maybe(z.array(z.string())),
  images: maybe(z.array(z.string())),
  tools: maybe(z.array(z.json())),
  tool_calls: maybe(z.array(z.json())),
  litellm_call_id: maybe(z.string()),
}).meta({ id: 'LitellmGuardrailRequest' });

export const litellmResponseSchema = z
  .strictObject({
    action: z.enum(['BLOCKED', 'NONE', 'GUARDRAIL_INTERVENED']),
    blocked_reason: z.string().nullable(),
    /** In place of those that were sent, in their order; when it has intervened. */
    texts: z.array(z.string()).optional(),
  })
  .meta({ id: 'LitellmGuardrailResponse' });
export type LitellmResponse = z.output<typeof litellmResponseSchema>;

export const litellmErrorSchema = z.strictObject({ detail: z.string() }).meta({ id: 'LitellmErrorResponse' });
export type LitellmError = z.output<typeof litellmErrorSchema>;

const portkeySide = maybe(open({ json: z.json().optional(), text: maybe(z.string()) }));

/** Portkey's guardrail webhook. */
export const portkeyRequestSchema = open({
  eventType: z.enum(['beforeRequestHook', 'afterRequestHook']),
  request: portkeySide,
  response: portkeySide,
}).meta({ id: 'PortkeyGuardrailRequest' });

export const portkeyResponseSchema = z
  .strictObject({
    verdict: z.boolean(),
    data: z.strictObject({
      reason: z.string().nullable(),
      request_ids: z.array(z.string()),
      categories: z.array(z.string()),
    }),
  })
  .meta({ id: 'PortkeyGuardrailResponse' });
export type PortkeyResponse = z.output<typeof portkeyResponseSchema>;
