import type { DetectorMemo } from '../activities/detector-memo';
import type { DetectorResult } from '../contract/detector-result';
import { ConclaveError } from '../contract/errors';
import type { Member, Plan, RunInput } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';
import { codePointLength } from '../contract/text';
import { convertAfter, memberTimes, type SlaSettings } from '../domain/budget';
import type { Planned } from '../planning/planner';
import type { PausePoint } from '../config/pause-point';
import type { Db } from '../store/database';
import type { Orchestrations, StoredAnswer } from '../store/orchestrations';
import type { ResultHub } from '../store/result-hub';
import type { Claim, Runs } from '../store/runs';
import type { Admission, Seat } from './admission';
import { acceptedAnswer, errorAnswer } from './answers';
import { type Launcher, mayShare, type Ride } from './launcher';
import { recipeOf } from './recipe';
import { type RunGateway, StartUncertainError } from './run-gateway';

/** A request that passed admission. */
export interface Accepted {
  readonly request: OrchestrationRequest;
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  readonly idempotencyKey: string | null;
  /** Epoch ms. */
  readonly receivedAt: number;
  readonly routingTokens: readonly string[];
  /** Set by re-runs. */
  readonly parentJobId?: string;
  readonly priorResults?: readonly DetectorResult[];
}

export interface Answer extends StoredAnswer {
  readonly requestId: string;
  readonly jobId: string | null;
  readonly replayed?: boolean;
}

export interface ExecutionDependencies {
  readonly db: Db;
  readonly runs: Runs;
  readonly orchestrations: Orchestrations;
  readonly gateway: RunGateway;
  readonly hub: ResultHub;
  readonly memo: DetectorMemo;
  readonly admission: Admission;
  readonly launcher: Launcher;
  readonly sla: SlaSettings;
  readonly pause: PausePoint;
}

/** What is kept back from the SLA for writing the answer to the socket. */
const sendReserveMs = 20;

/** Starts runs and waits for their answers: the verdict inside the SLA, or a job that goes on (spec/orchestration.md 4.2). */
export class Execution {
  constructor(private readonly deps: ExecutionDependencies) {}

  /**
   * @returns null when another request holds the claim: nothing was started
   * @throws ConclaveError RATE_LIMITED when the service is overloaded
   */
  async run(accepted: Accepted, planned: Planned, claim: Claim | null): Promise<Answer | null> {
    const { request } = accepted;
    const { plan, projectedMs } = planned;
    const seat = this.deps.admission.admit({
      request,
      slow: projectedMs > convertAfter(request.priority, this.deps.sla),
      projectedMs,
      mayConvert: plan.allow_async_conversion,
      alone: !mayShare(plan, request),
    });
    try {
      const member = this.#memberOf(accepted, planned, seat.mode);
      return seat.mode === 'async'
        ? await this.#runJob(accepted, plan, member, claim)
        : await this.#runSync(accepted, planned, member, claim, seat);
    } finally {
      seat.left();
    }
  }

  /** Waits for a member that is under way, converting it to a job at the caller's own point. */
  async await(
    accepted: Accepted,
    plan: Plan,
    member: Member,
    ride: Pick<Ride, 'runId'> & Partial<Ride>,
  ): Promise<Answer> {
    const { hub } = this.deps;
    const answered = (answer: StoredAnswer): Answer => ({
      ...answer,
      requestId: member.request_id,
      jobId: null,
    });
    const inTime = await hub.wait(member.request_id, ride.runId, member.convert_at);
    if (inTime) return answered(inTime);
    const runId = ride.runId();
    if ((runId !== null && hub.isAggregated(runId)) || !plan.allow_async_conversion) {
      const late = await hub.wait(member.request_id, ride.runId, member.sla_at - sendReserveMs);
      if (late) return answered(late);
    }
    if (!plan.allow_async_conversion) {
      return answered(errorAnswer(member, 'REQUEST_TIMEOUT', 'the time of the request is up', Date.now()));
    }
    ride.hurry?.();
    return this.#convert(accepted, plan, member, (await ride.started) ?? ride.runId()!);
  }

  async #runSync(
    accepted: Accepted,
    planned: Planned,
    member: Member,
    claim: Claim | null,
    seat: Seat,
  ): Promise<Answer | null> {
    await this.deps.pause('before_claim');
    if (claim !== null && !(await this.deps.runs.claim(claim, member.request_id))) return null;
    await this.deps.pause('claimed');
    const ride = this.deps.launcher.board(planned.plan, planned.digest, member, () => seat.launched());
    try {
      const answer = this.await(accepted, planned.plan, member, ride);
      answer.catch(() => undefined);
      // A run may have published before its start was acknowledged.
      const afterStart = ride.started.then(() => this.deps.pause('started')).then(() => answer);
      const result = await Promise.race([answer, afterStart]);
      if (result.jobId === null && result.status !== 408) seat.answered();
      await this.deps.pause('answering');
      return result;
    } catch (error) {
      throw error instanceof ConclaveError
        ? error
        : await this.#startFailed(error, () => this.#release(claim));
    } finally {
      ride.done();
    }
  }

  async #release(claim: Claim | null): Promise<void> {
    if (claim !== null) await this.deps.runs.releaseClaim(claim.requestId);
  }

  async #runJob(accepted: Accepted, plan: Plan, member: Member, claim: Claim | null): Promise<Answer | null> {
    const jobId = `job-${member.request_id}`;
    const accepted202 = acceptedAnswer(plan, member, jobId, member.prior_results, Date.now());
    const input: RunInput = { run_id: jobId, facade_id: null, recovery: 0, plan, members: [member] };
    await this.deps.pause('before_claim');
    const opened = await this.deps.db.transaction().execute(async (tx) => {
      if (claim !== null && !(await this.deps.runs.claim(claim, jobId, tx))) return false;
      await this.deps.runs.open(jobId, plan.tenant_id, 0, tx);
      await this.deps.orchestrations.recordJob(
        {
          requestId: member.request_id,
          tenantId: plan.tenant_id,
          runId: jobId,
          jobId,
          parentJobId: member.parent_job_id,
          status: 'pending',
          planned: plan.detectors.length,
          answer: accepted202,
          recipe: recipeOf(plan, accepted.request),
          receivedAt: new Date(member.received_at),
        },
        tx,
      );
      return true;
    });
    if (!opened) return null;
    await this.deps.pause('claimed');
    try {
      await this.deps.gateway.start(input, Date.now() + this.deps.sla.sync_request_sla_ms);
    } catch (error) {
      throw await this.#startFailed(error, () => this.deps.runs.abandon(jobId));
    }
    await this.deps.pause('started');
    return { ...accepted202, requestId: member.request_id, jobId };
  }

  /** First writer wins: either the job is recorded and 202 goes out, or the outcome that was there before (design.md 7, 13). */
  async #convert(accepted: Accepted, plan: Plan, member: Member, runId: string): Promise<Answer> {
    await this.deps.pause('converting');
    const jobId = `job-${member.request_id}`;
    const known = plan.detectors.flatMap(
      ({ name }) => this.deps.memo.known(runId, name).get(member.request_id) ?? [],
    );
    const accepted202 = acceptedAnswer(plan, member, jobId, known, Date.now());
    const published = await this.deps.orchestrations.recordJob({
      requestId: member.request_id,
      tenantId: plan.tenant_id,
      runId,
      jobId,
      parentJobId: member.parent_job_id,
      status: 'running',
      planned: plan.detectors.length,
      answer: accepted202,
      recipe: recipeOf(plan, accepted.request),
      receivedAt: new Date(member.received_at),
    });
    await this.deps.pause('converted');
    if (published)
      return { ...published, requestId: member.request_id, jobId: published.status === 202 ? jobId : null };
    return { ...accepted202, requestId: member.request_id, jobId };
  }

  /** An uncertain start keeps its claim: whoever comes next with the key finds out whether the run lives. */
  async #startFailed(error: unknown, undo: () => Promise<void>): Promise<ConclaveError> {
    const uncertain = error instanceof StartUncertainError;
    if (!uncertain) await undo().catch(() => undefined);
    return new ConclaveError('INTERNAL_ERROR', 'the orchestration could not be started', {
      detail: uncertain ? 'workflow_engine_unreachable' : 'store_or_engine_error',
    });
  }

  #memberOf(accepted: Accepted, planned: Planned, mode: Member['mode']): Member {
    const { request } = accepted;
    return {
      request_id: accepted.requestId,
      correlation_id: accepted.correlationId,
      traceparent: accepted.traceparent,
      mode,
      content: request.content,
      content_length: codePointLength(request.content),
      metadata: request.metadata ?? null,
      idempotency_key: accepted.idempotencyKey,
      parent_job_id: accepted.parentJobId ?? null,
      received_at: accepted.receivedAt,
      ...memberTimes({
        receivedAt: accepted.receivedAt,
        priority: request.priority,
        mode,
        allowAsyncConversion: planned.plan.allow_async_conversion,
        settings: this.deps.sla,
      }),
      routing_tokens: accepted.routingTokens,
      health_status: planned.healthStatus,
      prior_results: accepted.priorResults ?? [],
    };
  }

  /** A member as the joiner of a running execution sees it: its own clock, the running one's identity. */
  joiningMember(accepted: Accepted, planned: Planned, runningRequestId: string): Member {
    return { ...this.#memberOf(accepted, planned, 'sync'), request_id: runningRequestId };
  }
}
