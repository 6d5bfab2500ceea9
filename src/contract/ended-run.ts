import { z } from 'zod';
import { decidedOutcomeSchema } from './decided-outcome';
import { detectorResultSchema } from './detector-result';
import { contentTypes, environments, priorities } from './enums';

const contentAnalysisSchema = z.strictObject({
  length: z.number(),
  mime: z.string(),
  language: z.string().nullable(),
  script: z.string().nullable(),
  code_share: z.number(),
});

/** What detectors said of a content and what was made of it, without the content: kept to be judged by other policies. */
export const endedRunSchema = z.object({
  environment: z.enum(environments),
  priority: z.enum(priorities),
  content_type: z.enum(contentTypes),
  /** Code points. */
  content_length: z.int().nonnegative(),
  plan_digest: z.string(),
  required_detectors: z.array(z.string()).default([]),
  excluded_detectors: z.array(z.string()).default([]),
  /** Absent: the bundle of then did not ask for it. */
  analysis: contentAnalysisSchema.optional(),
  /** Detectors that were known to be down when it was routed. */
  unavailable: z.array(z.string()),
  /** Its time was up before all were asked. */
  deadline_cut: z.boolean(),
  /** Without what detectors said beside labels, numbers and places. */
  results: z.array(detectorResultSchema),
  outcome: decidedOutcomeSchema,
});
export type EndedRunRecord = z.output<typeof endedRunSchema>;
