import { z } from 'zod';
import { standInSchema } from './detector-fallback';
import { detectorStatuses, failureCauses, unjudgedReasons } from './enums';

/** One finding of a detector, without its text (design.md 8). Spans are code points; null where the wire has none. */
export const findingSchema = z
  .strictObject({
    label: z.string(),
    raw_strength: z.number().nullable(),
    /** The detector's own word for the strength where it is no number: VERY_LIKELY, HIGH. */
    raw_level: z.string().optional(),
    strength: z.number().min(0).max(1),
    start: z.int().nonnegative().nullable(),
    end: z.int().nonnegative().nullable(),
    /** Tells the same thing found again, and nothing of it to who has not the tenant's key (docs/false-positives.md). */
    fingerprint: z.string(),
    /** What the detector makes of the content as a whole; the others are its scores beside that. Absent: one of many. */
    verdict: z.literal(true).optional(),
    /** Entry of the tenant's allow-list, for which it counts for nothing; absent: it counts. */
    suppressed_by: z.string().optional(),
  })
  .meta({ id: 'Finding' });
export type Finding = z.output<typeof findingSchema>;

/** Something that a detector did not look at although it answered; null: it does not say which part, or which labels. */
export const unjudgedSchema = z
  .strictObject({
    reason: z.enum(unjudgedReasons),
    start: z.int().nonnegative().nullable(),
    end: z.int().nonnegative().nullable(),
    labels: z.array(z.string()).nullable(),
  })
  .meta({ id: 'Unjudged' });
export type Unjudged = z.output<typeof unjudgedSchema>;

/** Result of one planned detector (spec/orchestration.md 1.4). */
export const detectorResultSchema = z
  .strictObject({
    detector: z.string(),
    status: z.enum(detectorStatuses),
    output: z.string().nullable(),
    confidence: z.number().min(0).max(1).nullable(),
    metadata: z.record(z.string(), z.json()).nullable(),
    processing_time_ms: z.int().nonnegative(),
    error: z.string().nullable(),
    /** Absent: it did not fail, or by a fault of our own. */
    failure_cause: z.enum(failureCauses).optional(),
    findings: z.array(findingSchema),
    findings_truncated: z.boolean(),
    /** Absent: all of the content was judged. A result with an entry counts nothing towards coverage. */
    unjudged: z.array(unjudgedSchema).min(1).optional(),
    /** Absent: the detector speaks for itself alone. */
    stand_in: standInSchema.optional(),
    /** What it said before findings were suppressed; absent: the same. */
    unsuppressed: z
      .strictObject({ output: z.string().nullable(), confidence: z.number().nullable() })
      .optional(),
  })
  .meta({ id: 'DetectorResult' });
export type DetectorResult = z.output<typeof detectorResultSchema>;

/** Whether it comes from a default or a memory, an alternate's too: the detector itself has failed. */
export function isSubstitute({ stand_in }: Pick<DetectorResult, 'stand_in'>): boolean {
  if (!stand_in) return false;
  return stand_in.strategy === 'default' || stand_in.strategy === 'cached' || stand_in.age_seconds !== null;
}
