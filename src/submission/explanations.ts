import { z } from 'zod';
import { ConclaveError } from '../contract/errors';
import {
  type ConsideredDetector,
  type Explanation,
  explanationSchema,
  type PlanRecord,
} from '../contract/explanation';
import { deciders, detectorStatuses, failureCauses } from '../contract/enums';
import { appliedFailurePolicySchema } from '../contract/failure-policy';
import type { AuditRecords, Ending as RecordedEnding } from '../store/audit-records';
import type { Orchestrations } from '../store/orchestrations';
import type { PlanRecords } from '../store/plan-records';

export interface ExplanationDependencies {
  readonly audit: Pick<AuditRecords, 'ending'>;
  readonly plans: Pick<PlanRecords, 'find'>;
  readonly orchestrations: Pick<Orchestrations, 'job'>;
}

const conflictSchema = explanationSchema.shape.conflict.unwrap();

/** Of an audit record, what an explanation is made of. Earlier releases recorded less. */
const endingSchema = z.object({
  received_at: z.string(),
  policy: explanationSchema.shape.policy,
  decider: z.enum(deciders),
  content_type: explanationSchema.shape.routing.shape.content_type,
  plan_digest: z.string(),
  decisions: z
    .object({
      selection: z.string().nullable(),
      coverage: explanationSchema.shape.coverage.shape.verdict,
      failed: z.boolean(),
    })
    .optional(),
  unavailable: z.array(z.string()).optional(),
  results: z
    .array(
      z.object({
        detector: z.string(),
        status: z.enum(detectorStatuses),
        processing_time_ms: z.number(),
        failure_cause: z.enum(failureCauses).optional(),
        suppressed: z.record(z.string(), z.int().positive()).default({}),
      }),
    )
    .default([]),
  coverage: z.number().optional(),
  conflict: z
    .object({
      ...conflictSchema.shape,
      conflicting_detectors: conflictSchema.shape.conflicting_detectors.default([]),
      confidence_delta: conflictSchema.shape.confidence_delta.default(null),
    })
    .nullish(),
  failure_policy: z.array(appliedFailurePolicySchema).default([]),
  mapping: z.string().optional(),
  http_status: z.int(),
  error_code: z.string().nullable(),
  answered_from: z.object({ source: z.enum(['cache', 'flight']), request_id: z.uuid() }).optional(),
});
type Ending = z.output<typeof endingSchema>;

/** Says why an orchestration ended as it did: out of what was recorded then, with nothing computed anew. */
export class Explanations {
  constructor(private readonly deps: ExplanationDependencies) {}

  /**
   * @param tenantId null: any
   * @throws ConclaveError INVALID_REQUEST, 404 `request_not_found`, 409 `orchestration_not_finished`
   */
  async explain(requestId: string, tenantId: string | null): Promise<Explanation> {
    const record = await this.deps.audit.ending(requestId, tenantId);
    if (!record) throw await this.#absence(requestId, tenantId);
    const own = endingSchema.safeParse(record.record);
    if (!own.success) throw notExplained();
    const origin = await this.#originOf(own.data, record);
    const plan = await this.deps.plans.find(record.tenantId, origin.ending.plan_digest);
    return {
      request_id: requestId,
      origin: origin.from,
      received_at: own.data.received_at,
      policy: own.data.policy,
      ...explained(origin.ending, plan),
      http_status: own.data.http_status,
      error_code: own.data.error_code,
    };
  }

  /** The run behind the answer: the request's own, or the one that a kept or shared answer came from. */
  async #originOf(
    ending: Ending,
    record: RecordedEnding,
  ): Promise<{ ending: Ending; from: Explanation['origin'] }> {
    const { answered_from: source } = ending;
    if (!source) return { ending, from: { source: 'run', request_id: record.requestId } };
    const other = await this.deps.audit.ending(source.request_id, record.tenantId);
    const parsed = endingSchema.safeParse(other?.record);
    return { ending: parsed.success ? parsed.data : ending, from: source };
  }

  async #absence(requestId: string, tenantId: string | null): Promise<ConclaveError> {
    const job = await this.deps.orchestrations.job(`job-${requestId}`, tenantId);
    const isOpen = job !== null && (job.status === 'pending' || job.status === 'running');
    if (isOpen && (tenantId === null || job.tenantId === tenantId)) {
      return new ConclaveError('INVALID_REQUEST', 'the orchestration has not ended yet', {
        status: 409,
        detail: 'orchestration_not_finished',
      });
    }
    return new ConclaveError('INVALID_REQUEST', 'there is no such orchestration', {
      status: 404,
      detail: 'request_not_found',
    });
  }
}

/** It ended before there was a plan, such as an item of a bulk job that no plan could be made for. */
function notExplained(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'the orchestration ended without a plan', {
    status: 404,
    detail: 'explanation_not_found',
  });
}

function explained(
  ending: Ending,
  plan: PlanRecord | null,
): Omit<Explanation, 'request_id' | 'origin' | 'received_at' | 'policy' | 'http_status' | 'error_code'> {
  return {
    routing: {
      decider: ending.decider,
      reason: plan?.selection_reason ?? ending.decisions?.selection ?? null,
      content_type: ending.content_type,
      stages: plan?.stages ?? null,
    },
    detectors: plan && plan.considered.map((detector) => ({ ...detector, ...fateOf(detector, ending) })),
    coverage: {
      demanded: plan?.coverage ?? null,
      achieved: ending.coverage ?? null,
      verdict: ending.decisions?.coverage ?? null,
    },
    conflict: ending.conflict ?? null,
    failure_policy: ending.failure_policy,
    policy_fallback: ending.decider === 'tenant_policy_opa_fallback' || ending.decisions?.failed === true,
    mapping: ending.mapping ?? null,
  };
}

function fateOf({ detector }: ConsideredDetector, { results, unavailable }: Ending) {
  const result = results.find((one) => one.detector === detector);
  return {
    available: unavailable ? !unavailable.includes(detector) : null,
    status: result?.status ?? null,
    failure_cause: result?.failure_cause ?? null,
    processing_time_ms: result?.processing_time_ms ?? null,
    suppressed: result?.suppressed ?? {},
  };
}
