import { ConclaveError } from '../contract/errors';
import type { OrchestrationEnd } from '../contract/orchestration-end';
import { codePointLength } from '../contract/text';
import { expectedResults } from '../domain/alternates';
import { type SlaSettings, slaOf } from '../domain/budget';
import type { Planned } from '../planning/planner';
import type { AuditLog, AuditRow } from '../store/audit-log';
import { type CachedAnswer, filledAnswer, type OwnFields } from '../store/cached-answer';
import type { Hit, HitRecords } from '../store/hit-records';
import type { StoredAnswer } from '../store/orchestrations';
import type { ResultHub } from '../store/result-hub';
import type { Claim } from '../store/runs';
import { acceptedAnswer } from './answers';
import { before } from './before';
import type { Accepted, Answer, Execution } from './execution';
import { recipeOf } from './recipe';

export interface HitDependencies {
  readonly records: HitRecords;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly hub: Pick<ResultHub, 'deliver'>;
  readonly execution: Pick<Execution, 'memberOf'>;
  readonly sla: SlaSettings;
  readonly ended: (end: OrchestrationEnd) => void;
}

/** Where the verdict came from: kept from before, or shared by an identical request in flight. */
export type HitSource = 'cache' | 'flight';

/**
 * Answers that need no run (spec/orchestration.md 6). None leaves before it is on record: in the audit log and, where it
 * can be asked for again by its key or as a job, among the outcomes.
 */
export class Hits {
  constructor(private readonly deps: HitDependencies) {}

  /**
   * @param claim to be made with the record; `held` when that was done
   * @returns null when another request holds the claim: nothing was recorded
   * @throws ConclaveError INTERNAL_ERROR when the store does not take the record in time
   */
  async answer(
    cached: CachedAnswer,
    accepted: Accepted,
    planned: Planned,
    claim: Claim | 'held' | null,
    source: HitSource,
  ): Promise<Answer | null> {
    const { requestId, request } = accepted;
    // What has just been judged was judged with the detectors there were.
    const isDown = source === 'cache' && isPrimaryDown(planned);
    const audit = auditOf(cached, accepted, planned, source, isDown);
    const jobId = request.processing_mode === 'async' ? `job-${requestId}` : null;
    if (claim === null && jobId === null) {
      await this.#inTime(accepted, this.deps.audit.append(audit));
      this.#count(accepted, planned);
      return { ...filledAnswer(cached, ownFields(accepted, null, isDown)), requestId, jobId };
    }
    const answer = filledAnswer(cached, ownFields(accepted, jobId, isDown));
    const recording = this.deps.records.record({
      requestId,
      tenantId: request.tenant_id,
      claim: claim === 'held' ? null : claim,
      answer,
      job: jobId === null ? null : jobRecord(jobId, planned, request),
      receivedAt: new Date(accepted.receivedAt),
      audit,
    });
    if (!(await this.#inTime(accepted, recording))) return null;
    this.#count(accepted, planned);
    this.deps.hub.deliver([{ requestId, jobId, status: 'completed', answer }]);
    const announced = jobId === null ? answer : this.#announcement(accepted, planned, jobId);
    return { ...announced, requestId, jobId };
  }

  #count({ request, receivedAt }: Accepted, { plan }: Planned): void {
    this.deps.ended({
      tenantId: plan.tenant_id,
      status: 'success',
      isJob: request.processing_mode === 'async',
      ms: Math.max(0, Date.now() - receivedAt),
      facts: {
        policyBundle: plan.policy_bundle,
        contentType: plan.content_type,
        coverage: null,
        isCovered: true,
        policyFallback: null,
        mapping: 'off',
        results: [],
      },
    });
  }

  /** An asynchronous call gets its job, which has ended already. */
  #announcement(accepted: Accepted, planned: Planned, jobId: string): StoredAnswer {
    const member = this.deps.execution.memberOf(accepted, planned, 'async');
    return acceptedAnswer(planned.plan, member, jobId, [], Date.now());
  }

  async #inTime<T>({ receivedAt, request }: Accepted, work: Promise<T>): Promise<T> {
    const done = await before(receivedAt + slaOf(request.priority, this.deps.sla), work);
    if (done !== null) return done;
    throw new ConclaveError('INTERNAL_ERROR', 'the answer could not be recorded in time', {
      detail: 'store_or_engine_error',
    });
  }
}

function ownFields(accepted: Accepted, jobId: string | null, isDown: boolean): OwnFields {
  const now = Date.now();
  return {
    request_id: accepted.requestId,
    job_id: jobId,
    processing_mode: jobId === null ? 'sync' : 'async',
    total_processing_time_ms: Math.max(0, now - accepted.receivedAt),
    fallback_used: isDown,
    timestamp: new Date(now).toISOString(),
    idempotency_key: accepted.idempotencyKey ?? jobId,
    correlation_id: accepted.correlationId,
    fallback_reasons: isDown ? ['cached_while_unavailable'] : [],
  };
}

function isPrimaryDown({ plan, healthStatus }: Planned): boolean {
  return plan.detectors.some(({ name, role }) => role === 'primary' && healthStatus[name] === false);
}

function jobRecord(id: string, { plan }: Planned, request: Accepted['request']): Hit['job'] {
  return {
    id,
    planned: expectedResults(plan),
    recipe: recipeOf(plan, request),
    callbackUrl: request.callback_url,
  };
}

/** As `publish` has it for a run, as far as there is one: whose it was, is said. */
function auditOf(
  cached: CachedAnswer,
  accepted: Accepted,
  { plan, digest }: Planned,
  source: HitSource,
  isDown: boolean,
): AuditRow {
  const { request, requestId } = accepted;
  return {
    tenant_id: plan.tenant_id,
    request_id: requestId,
    kind: 'orchestration',
    record: {
      ...accepted.asked,
      correlation_id: accepted.correlationId,
      received_at: new Date(accepted.receivedAt).toISOString(),
      content_length: codePointLength(request.content),
      content_type: plan.content_type,
      environment: plan.environment,
      priority: plan.priority,
      processing_mode: request.processing_mode,
      policy: { bundle: plan.policy_bundle, version: plan.policy_version, digest: plan.policy_digest },
      decider: plan.decider,
      planned: plan.detectors.map(({ name, version }) => `${name}@${version}`),
      plan_digest: digest,
      answered_from: { source, request_id: cached.source },
      fallback_used: isDown,
      http_status: 200,
      error_code: null,
    },
  };
}
