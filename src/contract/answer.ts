import { z } from 'zod';
import { callbackStateSchema } from './callback-state';
import { detectorResultSchema } from './detector-result';
import { coverageMethods, fallbackReasons, jobStatuses, processingModes } from './enums';
import { errorCodes } from './errors';
import { appliedFailurePolicySchema } from './failure-policy';
import { mapperPayloadSchema, mappingResponseSchema, versionInfoSchema } from './payload';
import { policyVerdictSchema } from './policy-validation';

/** Why these detectors were asked (spec/orchestration.md 1.5). */
export const routingDecisionSchema = z
  .strictObject({
    selected_detectors: z.array(z.string()),
    routing_reason: z.string().max(500),
    policy_applied: z.string(),
    policy_version: z.string(),
    policy_digest: z.string(),
    coverage_method: z.enum(coverageMethods),
    coverage_requirements: z.record(z.string(), z.number()),
    health_status: z.record(z.string(), z.boolean()),
  })
  .meta({ id: 'RoutingDecision' });
export type RoutingDecision = z.output<typeof routingDecisionSchema>;

const timestamp = z.iso.datetime({ precision: 3 });

/** Answer to an orchestration, and `result` of a job (spec/orchestration.md 1.3). Every field is always present. */
export const orchestrationResponseSchema = z
  .strictObject({
    request_id: z.uuid(),
    job_id: z.string().nullable(),
    processing_mode: z.enum(processingModes),
    detector_results: z.array(detectorResultSchema),
    aggregated_payload: mapperPayloadSchema.nullable(),
    mapping_result: mappingResponseSchema.nullable(),
    total_processing_time_ms: z.int().nonnegative(),
    detectors_attempted: z.int().nonnegative(),
    detectors_succeeded: z.int().nonnegative(),
    detectors_failed: z.int().nonnegative(),
    coverage_achieved: z.number().min(0).max(1),
    routing_decision: routingDecisionSchema,
    fallback_used: z.boolean(),
    error_code: z.enum(errorCodes).nullable(),
    timestamp,
    idempotency_key: z.string().nullable(),
    version_info: versionInfoSchema,
    correlation_id: z.string(),
    fallback_reasons: z.array(z.enum(fallbackReasons)),
    /** Absent: no detector that was to judge has failed. */
    failure_policy: z.array(appliedFailurePolicySchema).min(1).optional(),
  })
  .meta({ id: 'OrchestrationResponse' });
export type OrchestrationResponse = z.output<typeof orchestrationResponseSchema>;

/** Every error body of the orchestration paths (spec/orchestration.md 1.12). */
export const errorResponseSchema = z
  .strictObject({
    error_code: z.enum(errorCodes),
    message: z.string(),
    detail: z.string().nullable(),
    retryable: z.boolean(),
    fallback_used: z.boolean(),
    request_id: z.string(),
    correlation_id: z.string(),
    timestamp,
    field_errors: z.array(z.strictObject({ path: z.string(), message: z.string() })),
    retry_after_seconds: z.number().nullable(),
    response: orchestrationResponseSchema.nullable(),
    /** On a refused policy the report on it (`POST /policies/validate`). */
    details: z.strictObject({ report: policyVerdictSchema }).nullable(),
  })
  .meta({ id: 'ErrorResponse' });
export type ErrorResponse = z.output<typeof errorResponseSchema>;

/** State of a job (spec/orchestration.md 1.9). `parent_job_id` and `callback` are additive. */
export const jobStatusResponseSchema = z
  .strictObject({
    job_id: z.string(),
    request_id: z.string(),
    tenant_id: z.string(),
    status: z.enum(jobStatuses),
    created_at: timestamp.nullable(),
    started_at: timestamp.nullable(),
    completed_at: timestamp.nullable(),
    progress: z.number().min(0).max(1),
    result: orchestrationResponseSchema.nullable(),
    error: z.string().nullable(),
    error_code: z.enum(errorCodes).nullable(),
    parent_job_id: z.string().nullable(),
    /** Null without a callback. */
    callback: callbackStateSchema.nullable(),
  })
  .meta({ id: 'JobStatusResponse' });
export type JobStatusResponse = z.output<typeof jobStatusResponseSchema>;
