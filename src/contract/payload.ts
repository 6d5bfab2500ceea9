import { z } from 'zod';
import {
  aggregationMethods,
  conflictDeciders,
  conflictStrategies,
  coverageMethods,
  tieBreakers,
} from './enums';
import { boundedText, tenantSchema } from './text';

/** Most bytes of a serialized MapperPayload (spec/orchestration.md 1.7). */
export const maxPayloadBytes = 65_536;
/** Most code points of a mapping's notes (1.8). */
export const maxNotesLength = 500;

export const versionInfoSchema = z
  .strictObject({
    taxonomy: z.string(),
    frameworks: z.string(),
    model: z.string(),
    orchestrator: z.string().optional(),
    policy: z.string().optional(),
  })
  .meta({ id: 'VersionInfo' });
export type VersionInfo = z.output<typeof versionInfoSchema>;

/** How a disagreement was settled (spec/orchestration.md 1.6), without the winning result itself. */
export const conflictSummarySchema = z
  .strictObject({
    strategy_used: z.enum(conflictStrategies),
    decided_by: z.enum(conflictDeciders),
    conflicting_detectors: z.array(z.string()),
    winning_output: z.string(),
    winning_detector: z.string(),
    tie_breaker_applied: z.enum(tieBreakers).nullable(),
    confidence_delta: z.number(),
    resolution_notes: z.string().max(300),
    opa_decision: z.record(z.string(), z.json()).nullable(),
  })
  .meta({ id: 'ConflictResolution' });
export type ConflictSummary = z.output<typeof conflictSummarySchema>;

const unit = z.number().min(0).max(1);

/** The locked hand-off to the mapper (spec/orchestration.md 1.7). */
export const mapperPayloadSchema = z
  .strictObject({
    detector: z.literal('orchestrated-multi'),
    output: z.string().min(1),
    tenant_id: tenantSchema,
    metadata: z.strictObject({
      contributing_detectors: z.array(z.string()),
      normalized_scores: z
        .record(z.string(), unit)
        .refine((scores) => Object.keys(scores).length <= 100, { error: 'must hold at most 100 labels' }),
      conflict_resolution_applied: z.boolean(),
      aggregation_method: z.enum(aggregationMethods),
      coverage_achieved: unit,
      provenance: z.array(
        z.strictObject({
          detector: z.string(),
          confidence: unit.optional(),
          output: z.string().optional(),
          processing_time_ms: z.int().nonnegative().optional(),
        }),
      ),
      conflict_resolution: conflictSummarySchema.optional(),
      coverage_method: z.enum(coverageMethods).optional(),
      request_id: z.uuid().optional(),
      policy: z.strictObject({ bundle: z.string(), version: z.string() }).optional(),
      version_info: versionInfoSchema.optional(),
    }),
  })
  .refine((payload) => Buffer.byteLength(JSON.stringify(payload)) <= maxPayloadBytes, {
    error: `must be at most ${maxPayloadBytes} bytes when serialized`,
  })
  .meta({ id: 'MapperPayload' });
export type MapperPayload = z.output<typeof mapperPayloadSchema>;

/** What the mapper answers (spec/orchestration.md 1.8); a body that fails this is a mapper failure. */
export const mappingResponseSchema = z
  .object({
    taxonomy: z.array(z.string().regex(/^[A-Z][A-Z0-9_]*(\.[A-Za-z0-9_]+)*$/)).min(1),
    scores: z.record(z.string(), unit),
    confidence: unit,
    notes: boundedText(0, maxNotesLength).nullish(),
    provenance: z
      .object({
        vendor: z.string(),
        detector: z.string(),
        detector_version: z.string(),
        raw_ref: z.string(),
        route: z.string(),
        model: z.string(),
        tenant_id: z.string(),
        ts: z.string(),
      })
      .partial()
      .nullish(),
    policy_context: z
      .object({ expected_detectors: z.array(z.string()), environment: z.string() })
      .partial()
      .nullish(),
    version_info: versionInfoSchema.nullish(),
  })
  .meta({ id: 'MappingResponse' });
export type MappingResponse = z.output<typeof mappingResponseSchema>;
