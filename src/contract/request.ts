import { z } from 'zod';
import { contentRefSchema, type ContentSource } from './content';
import { contentTypes, environments, priorities, processingModes } from './enums';
import { boundedText, nameSchema, tenantSchema } from './text';

/** Most code points of one piece of content (spec/orchestration.md 1.1, R5). */
const maxContentLength = 50_000;
const maxMetadataBytes = 16 * 1024;
const maxMetadataDepth = 5;

function deeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  return Object.values(value).some((inner) => deeperThan(inner, depth - 1));
}

/** `null` in a request means the same as absence (spec/orchestration.md 0). */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

export function withDefault<T extends z.ZodType>(schema: T, fallback: z.output<T>) {
  return schema
    .nullish()
    .meta({ default: fallback })
    .transform((value) => value ?? fallback);
}

const detectorList = z
  .array(nameSchema)
  .max(20, 'must name at most 20 detectors')
  .refine((names) => new Set(names).size === names.length, { error: 'must not name a detector twice' })
  .meta({ uniqueItems: true });

const metadataSchema = z
  .record(z.string(), z.json())
  .refine((metadata) => !deeperThan(metadata, maxMetadataDepth), {
    error: `must be at most ${maxMetadataDepth} levels deep`,
  })
  .refine((metadata) => Buffer.byteLength(JSON.stringify(metadata)) <= maxMetadataBytes, {
    error: `must be at most ${maxMetadataBytes} bytes when serialized`,
  });

export const contentSchema = boundedText(1, maxContentLength)
  .refine((text) => text.trim() !== '', { error: 'must not be blank' })
  .refine((text) => !text.includes('\0'), { error: 'must not contain the NUL character' })
  .meta({
    description:
      'What is to be judged. Images: base64 or data URL; documents: text, or a PDF or Office file in base64.',
  });

/** What stands beside the content. */
const askedFields = {
  content_type: z.enum(contentTypes),
  tenant_id: tenantSchema,
  policy_bundle: nameSchema,
  environment: z.enum(environments),
  processing_mode: withDefault(z.enum(processingModes), 'sync'),
  priority: withDefault(z.enum(priorities), 'normal'),
  metadata: optional(metadataSchema).meta({
    description:
      'Caller data passed on to detectors; at most 16 KiB and 5 levels. `callback_url` is not passed on: it is called when the job has ended (docs/callbacks.md).',
  }),
  required_detectors: optional(detectorList),
  excluded_detectors: optional(detectorList),
};

interface DetectorLists {
  readonly required_detectors?: readonly string[] | undefined;
  readonly excluded_detectors?: readonly string[] | undefined;
}

function refuseContradiction(request: DetectorLists, context: z.RefinementCtx): void {
  const required = new Set(request.required_detectors);
  request.excluded_detectors?.forEach((name, index) => {
    if (!required.has(name)) return;
    context.addIssue({
      code: 'custom',
      path: ['excluded_detectors', index],
      message: 'names a detector that required_detectors also names',
    });
  });
}

/** A request with its content in it (spec/orchestration.md 1.1). Unknown keys are refused. */
export const orchestrationRequestSchema = z
  .strictObject({ content: contentSchema, ...askedFields })
  .superRefine(refuseContradiction)
  .meta({ id: 'OrchestrationRequest' });
/** As detectors get it. */
export type OrchestrationRequest = z.output<typeof orchestrationRequestSchema> & {
  /** Of what was a file when it was sent. */
  readonly source?: ContentSource;
  /** Who is told when it has become a job and that has ended; no detector is shown it. */
  readonly callback_url?: string;
};

/** Body of POST /orchestrate: its content is in it, or was uploaded before. */
export const sentRequestSchema = z
  .strictObject({
    content: optional(contentSchema),
    content_ref: optional(contentRefSchema).meta({
      description: 'What POST /orchestrate/content answered; in place of content.',
    }),
    ...askedFields,
  })
  .superRefine(refuseContradiction)
  .superRefine(({ content, content_ref }, context) => {
    if ((content === undefined) !== (content_ref === undefined)) return;
    const message = content === undefined ? 'is required, or content_ref is' : 'must not go with content_ref';
    context.addIssue({ code: 'custom', path: ['content'], message });
  })
  .meta({
    id: 'SentRequest',
    oneOf: [
      ['content', 'content_ref'],
      ['content_ref', 'content'],
    ].map(([one, other]) => ({
      required: [one],
      properties: { [one!]: { type: 'string' }, [other!]: { type: 'null' } },
    })),
  });
export type SentRequest = Omit<OrchestrationRequest, 'content' | 'source'> & {
  readonly content?: string | undefined;
  readonly content_ref?: string | undefined;
};

/** Body of POST /orchestrate/jobs/{job_id}/rerun. */
export const rerunRequestSchema = z
  .strictObject({
    detectors: withDefault(z.enum(['all', 'failed']), 'all'),
    policy: withDefault(z.enum(['original', 'current']), 'original'),
    content: optional(contentSchema),
    content_ref: optional(contentRefSchema),
  })
  .meta({ id: 'RerunRequest' });
export type RerunRequest = z.output<typeof rerunRequestSchema>;
