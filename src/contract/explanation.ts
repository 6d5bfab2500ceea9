import { z } from 'zod';
import {
  conflictDeciders,
  conflictStrategies,
  contentTypes,
  coverageMethods,
  deciders,
  detectorStatuses,
  failureCauses,
  tieBreakers,
} from './enums';
import { detectorFallbackSchema } from './detector-fallback';
import { appliedFailurePolicySchema } from './failure-policy';
import { protocols } from './protocols';
import { detectorCapabilitiesSchema } from './registration';

/** Why a detector that the tenant sees is in a plan. */
const choiceReasons = [
  'required_by_request',
  'required_by_policy',
  'required_by_opa',
  'selected_by_opa',
  'added_by_routing',
  'coverage_weight',
  'dependency',
  'optional',
  'alternate',
] as const;
/** Why it is not. */
const omissionReasons = [
  'excluded_by_request',
  'not_registered',
  'unsupported_content_type',
  'not_routed_for_content_type',
  'skipped_by_routing',
  'not_selected_by_opa',
  'not_named_by_policy',
] as const;

const consideredDetectorSchema = z.strictObject({
  detector: z.string(),
  /** Null for one that is named and not registered. */
  version: z.string().nullable(),
  chosen: z.boolean(),
  role: z.enum(['primary', 'secondary', 'alternate']).nullable(),
  reason: z.enum([...choiceReasons, ...omissionReasons]),
});
export type ConsideredDetector = z.output<typeof consideredDetectorSchema>;

/** What plans depend on of a detector. */
const recordedRegistrationSchema = z.object({
  name: z.string(),
  version: z.string(),
  protocol: z.enum(protocols),
  capabilities: detectorCapabilitiesSchema,
  priority_weight: z.number(),
  depends_on: z.array(z.string()),
  label_severity: z.record(z.string(), z.number()),
  long_content: z.enum(['split', 'skip']),
  fallback: detectorFallbackSchema.optional(),
});
export type RecordedRegistration = z.output<typeof recordedRegistrationSchema>;

/** What is kept of a plan, once for all requests that had it. */
export const planRecordSchema = z.object({
  content_type: z.enum(contentTypes),
  decider: z.enum(deciders),
  selection_reason: z.string().nullable(),
  considered: z.array(consideredDetectorSchema),
  stages: z.strictObject({
    primary: z.array(z.array(z.string())),
    secondary: z.array(z.array(z.string())),
  }),
  coverage: z.strictObject({
    method: z.enum(coverageMethods),
    required_detectors: z.array(z.string()),
    weights: z.record(z.string(), z.number()),
    required_categories: z.array(z.string()),
    threshold: z.number(),
  }),
  conflict: z.object({ strategy: z.enum(conflictStrategies), decided_by: z.enum(conflictDeciders) }),
  /** The detectors that the tenant saw, for other policies to plan with; absent in what earlier releases wrote. */
  registrations: z.array(recordedRegistrationSchema).optional(),
});
export type PlanRecord = z.output<typeof planRecordSchema>;

const explainedDetectorSchema = consideredDetectorSchema.extend({
  /** Whether it could be called when the request was routed; null where that was not recorded. */
  available: z.boolean().nullable(),
  /** What came of it; null: it was not asked. */
  status: z.enum(detectorStatuses).nullable(),
  failure_cause: z.enum(failureCauses).nullable(),
  processing_time_ms: z.number().nullable(),
  /** Entries of the tenant's allow-list, and how many of its findings each has let go by. */
  suppressed: z.record(z.string(), z.int().positive()),
});

const explainedConflictSchema = z.strictObject({
  strategy_used: z.enum(conflictStrategies),
  decided_by: z.enum(conflictDeciders),
  winning_detector: z.string(),
  conflicting_detectors: z.array(z.string()),
  /** Null: nothing had to be broken. */
  tie_breaker_applied: z.enum(tieBreakers).nullable(),
  confidence_delta: z.number().nullable(),
});

/** Why an orchestration ended as it did, as it was recorded (GET /orchestrate/{request_id}/explain). */
export const explanationSchema = z
  .strictObject({
    request_id: z.uuid(),
    /** Whose run is explained: another request's where the answer came from the cache or was shared in flight. */
    origin: z.strictObject({ source: z.enum(['run', 'cache', 'flight']), request_id: z.uuid() }),
    received_at: z.string(),
    policy: z.strictObject({ bundle: z.string(), version: z.string(), digest: z.string() }),
    routing: z.strictObject({
      decider: z.enum(deciders),
      reason: z.string().nullable(),
      content_type: z.enum(contentTypes),
      stages: planRecordSchema.shape.stages.nullable(),
    }),
    /** Every detector that the tenant saw; null where the plan is no longer on record. */
    detectors: z.array(explainedDetectorSchema).nullable(),
    coverage: z.strictObject({
      demanded: planRecordSchema.shape.coverage.nullable(),
      achieved: z.number().nullable(),
      /** What Rego said of it; null where it was not asked or failed. */
      verdict: z.record(z.string(), z.json()).nullable(),
    }),
    /** Null: the detectors agreed. */
    conflict: explainedConflictSchema.nullable(),
    failure_policy: z.array(appliedFailurePolicySchema),
    /** Whether the static policy stood in for a rule that failed. */
    policy_fallback: z.boolean(),
    mapping: z.string().nullable(),
    http_status: z.int(),
    error_code: z.string().nullable(),
  })
  .meta({ id: 'Explanation' });
export type Explanation = z.output<typeof explanationSchema>;
