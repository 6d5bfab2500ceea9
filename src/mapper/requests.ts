import { z } from 'zod';
import { aggregationMethods } from '../contract/enums';
import { boundedText, tenantSchema } from '../contract/text';
import { MapperError } from './errors';

/** Most bytes of one MapperPayload. */
export const maxPayloadBytes = 65_536;
export const maxBatchItems = 100;

const unit = z.number().min(0).max(1);
const detectorSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be 1-100 letters, digits, `_` or `-`');
const outputSchema = boundedText(1, 32_768);

const metadataSchema = z.looseObject({
  contributing_detectors: z.array(z.string()).optional(),
  normalized_scores: z.record(z.string(), unit).optional(),
  conflict_resolution_applied: z.boolean().optional(),
  aggregation_method: z.enum(aggregationMethods).optional(),
  coverage_achieved: unit.optional(),
  provenance: z
    .array(
      z.looseObject({
        detector: z.string().min(1).max(100),
        confidence: unit.optional(),
        output: z.string().optional(),
        processing_time_ms: z.int().nonnegative().optional(),
      }),
    )
    .optional(),
});

/** MapperPayload (spec/mapper.md 3): any detector's, where spec/orchestration.md 1.7 narrows it to an aggregate. */
const mapRequestSchema = z.strictObject({
  detector: detectorSchema,
  output: outputSchema,
  tenant_id: tenantSchema,
  metadata: metadataSchema,
});
export type MapRequest = z.output<typeof mapRequestSchema>;

const legacyRequestSchema = mapRequestSchema.partial({ tenant_id: true, metadata: true });

const frameworkRequestSchema = z.strictObject({
  canonical_results: z
    .array(
      z.strictObject({
        category: z.string().min(1).max(200),
        confidence: unit,
        risk_level: z.enum(['critical', 'high', 'medium', 'low', 'info']),
        tags: z.array(z.string().max(200)).max(100),
        metadata: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .min(1)
    .max(100),
  target_frameworks: z.array(z.string().min(1).max(100)).min(1).max(10),
  mapping_mode: z.enum(['standard', 'fast', 'comprehensive']).default('standard'),
  include_validation: z.boolean().default(true),
  context: z.record(z.string(), z.unknown()).optional(),
});
export type FrameworkRequest = z.output<typeof frameworkRequestSchema>;

const batchRequestSchema = z.strictObject({ requests: z.array(z.unknown()).min(1).max(maxBatchItems) });

/** @throws MapperError INVALID_REQUEST naming the fields */
export function parseMapRequest(body: unknown): MapRequest {
  return parseWith(mapRequestSchema, body);
}

/** @throws MapperError INVALID_REQUEST naming the fields */
export function parseFrameworkRequest(body: unknown): FrameworkRequest {
  return parseWith(frameworkRequestSchema, body);
}

/**
 * The items are judged one by one with {@link parseMapRequest}.
 *
 * @throws MapperError INVALID_REQUEST when the envelope is at fault
 */
export function parseBatchRequest(body: unknown): unknown[] {
  return parseWith(batchRequestSchema, body).requests;
}

/** The form from before MapperPayload: without `metadata`, or without `tenant_id`, which then comes from the header. */
export function isLegacyRequest(body: unknown): boolean {
  return typeof body === 'object' && body !== null && !('metadata' in body && 'tenant_id' in body);
}

/** @throws MapperError INVALID_REQUEST naming the fields */
export function parseLegacyRequest(body: unknown, headerTenant: string | undefined): MapRequest {
  const {
    tenant_id: tenant = headerTenant,
    metadata = {},
    ...signals
  } = parseWith(legacyRequestSchema, body);
  return parseWith(mapRequestSchema, { ...signals, tenant_id: tenant, metadata });
}

function parseWith<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new MapperError('INVALID_REQUEST', 'The request does not match the contract.', {
    detail: 'schema',
    fieldErrors: parsed.error.issues.slice(0, 20).map((issue) => ({
      path: pathOf(issue),
      message: issue.code === 'unrecognized_keys' ? `has ${issue.keys.length} unknown key(s)` : issue.message,
    })),
  });
}

/** `a.b[2].c`; keys that the caller chose are shown as `*`, because they may be content. */
function pathOf({ path }: z.core.$ZodIssue): string {
  return path
    .map((segment, index) => {
      if (typeof segment === 'number') return `[${segment}]`;
      const shown = path[index - 1] === 'normalized_scores' ? '*' : String(segment);
      return index === 0 ? shown : `.${shown}`;
    })
    .join('');
}
