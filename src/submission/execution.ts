import type { DetectorMemo } from '../activities/detector-memo';
import type { RunInputs } from '../activities/run-inputs';
import type { DetectorResult } from '../contract/detector-result';
import type { ProcessingMode } from '../contract/enums';
import { ConclaveError } from '../contract/errors';
import type { Asked, Member, Plan } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';
import type { ConversionTrigger } from '../contract/service-metrics';
import { codePointLength } from '../contract/text';
import { expectedResults } from '../domain/alternates';
import { convertAfter, memberTimes, type SlaSettings, slaOf } from '../domain/budget';
import type { Planned } from '../planning/planner';
import type { PausePoint } from '../config/pause-point';
import type { Orchestrations, StoredAnswer } from '../store/orchestrations';
import type { ResultHub } from '../store/result-hub';
import type { Claim, Runs } from '../store/runs';
import type { Admission, Seat } from './admission';
import { acceptedAnswer, errorAnswer } from './answers';
import type { Companions } from './companions';
import { type JobStart, JobStarts } from './job-starts';
import { type Launcher, OvertakenError, type Ride } from './launcher';
import { recipeOf } from './recipe';
import type { RunGateway } from './run-gateway';
import { startFailure } from './start-failure';

/** A request that passed admission. */
export interface Accepted {
  readonly request: OrchestrationRequest;
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  readonly asked: Asked;
  readonly idempotencyKey: string | null;
  /** Epoch ms. */
  readonly receivedAt: number;
  readonly routingTokens: readonly string[];
  /** Set by re-runs. */
  readonly parentJobId?: string;
  readonly priorResults?: readonly DetectorResult[];
  /** Where the answer may be kept; absent: nowhere. */
  readonly cacheKey?: string;
  /** The other items of its batch. */
  readonly companions?: Companions;
}

/** What `X-Cache` says (spec/orchestration.md 2.1). */
export type CacheUse = 'HIT' | 'MISS' | 'BYPASS';

export interface Answer extends StoredAnswer {
  readonly requestId: string;
  readonly jobId: string | null;
  readonly replayed?: boolean;
  /** Default: the cache had no part in it. */
  readonly cache?: CacheUse;
}

export interface ExecutionDependencies {
  readonly runs: Runs;
  readonly orchestrations: Orchestrations;
  readonly gateway: RunGateway;
  readonly hub: ResultHub;
  readonly memo: DetectorMemo;
  readonly inputs: RunInputs;
  readonly admission: Admission;
  readonly launcher: Launcher;
  readonly sla: SlaSettings;
  /** Told of sync requests that became jobs. */
  readonly converted: (tenantId: string, trigger: ConversionTrigger) => void;
  readonly pause: PausePoint;
}

/** What is kept back from the SLA for writing the answer to the socket. */
const sendReserveMs = 20;

/** Starts runs and waits for their answers: the verdict inside the SLA, or a job that goes on (spec/orchestration.md 4.2). */
export class Execution {
  readonly #jobs: JobStarts;

  constructor(private readonly deps: ExecutionDependencies) {
    this.#jobs = new JobStarts(deps);
  }

  /** By when a request must be answered (epoch ms). */
  slaAt({ request, receivedAt }: Accepted): number {
    return receivedAt + slaOf(request.priority, this.deps.sla);
  }

  /**
   * @returns null when another request holds the claim: nothing was started
   * @throws ConclaveError RATE_LIMITED when the service is overloaded
   */
  async run(accepted: Accepted, planned: Planned, claim: Claim | null): Promise<Answer | null> {
    const endTurn = await this.#turnOf(accepted, planned);
    try {
      return await this.#runInTurn(accepted, planned, claim);
    } finally {
      endTurn();
    }
  }

  /** Items of a batch that ride alone take turns, before they ask for a place. */
  async #turnOf(accepted: Accepted, planned: Planned): Promise<() => void> {
    const { request, companions } = accepted;
    if (!companions || !this.deps.launcher.ridesAlone(planned.plan, request)) return () => undefined;
    const mode = this.becomesJob(request, planned) ? 'async' : 'sync';
    return companions.turnOf(this.memberOf(accepted, planned, mode));
  }

  async #runInTurn(accepted: Accepted, planned: Planned, claim: Claim | null): Promise<Answer | null> {
    const { request, companions } = accepted;
    const { plan, projectedMs } = planned;
    const seat = this.deps.admission.admit({
      request,
      slow: this.#isSlow(request, planned),
      projectedMs,
      mayConvert: plan.allow_async_conversion,
      alone: this.deps.launcher.ridesAlone(plan, request),
    });
    try {
      const member = this.memberOf(accepted, planned, seat.mode);
      const start = { accepted, planned, member, claim };
      if (seat.mode === 'sync') return await this.#runSync(start, seat);
      const together = companions && !this.deps.launcher.ridesAlone(plan, request);
      const answer = await (together ? this.#jobs.startTogether(start, companions) : this.#jobs.start(start));
      if (answer && request.processing_mode === 'sync') this.deps.converted(plan.tenant_id, 'projected');
      return answer;
    } finally {
      seat.left();
    }
  }

  /** Whether the request is a job from the start: as asked, or because its detectors are slow. */
  becomesJob(request: OrchestrationRequest, planned: Planned): boolean {
    const slow = this.#isSlow(request, planned) && planned.plan.allow_async_conversion;
    return request.processing_mode === 'async' || slow;
  }

  #isSlow(request: OrchestrationRequest, planned: Planned): boolean {
    return planned.projectedMs > convertAfter(request.priority, this.deps.sla);
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

  async #runSync({ accepted, planned, member, claim }: JobStart, seat: Seat): Promise<Answer | null> {
    await this.deps.pause('before_claim');
    if (claim !== null && !(await this.deps.runs.claim(claim, member.request_id))) return null;
    await this.deps.pause('claimed');
    const ride = this.deps.launcher.board(planned.plan, planned.digest, member, {
      companions: accepted.companions,
      launched: () => seat.launched(),
    });
    let begun = false;
    try {
      const answer = this.await(accepted, planned.plan, member, ride);
      answer.catch(() => undefined);
      // A run may have published before its start was acknowledged.
      const afterStart = ride.started.then(async () => {
        begun = true;
        await this.deps.pause('started');
        return answer;
      });
      const result = await Promise.race([answer, afterStart]);
      if (result.jobId === null && result.status !== 408) {
        const known = this.#knownOf(planned.plan, member, ride.runId());
        seat.answered(Math.max(0, ...known.map(({ processing_time_ms: ms }) => ms)));
      }
      await this.deps.pause('answering');
      return result;
    } catch (error) {
      if (error instanceof OvertakenError) return null;
      if (error instanceof ConclaveError) throw error;
      // What has begun keeps its claim: a repeat joins it.
      throw await startFailure(error, async () => (begun ? undefined : this.#release(claim)));
    } finally {
      ride.done();
    }
  }

  /** What its detectors have said so far, as far as this process knows. */
  #knownOf(plan: Plan, member: Member, runId: string | null): readonly DetectorResult[] {
    if (runId === null) return [];
    return plan.detectors.flatMap(
      ({ name }) => this.deps.memo.known(runId, name).get(member.request_id) ?? [],
    );
  }

  async #release(claim: Claim | null): Promise<void> {
    if (claim !== null) await this.deps.runs.releaseClaim(claim.requestId);
  }

  /** First writer wins: either the job is recorded and 202 goes out, or the outcome that was there before (design.md 7, 13). */
  async #convert(accepted: Accepted, plan: Plan, member: Member, runId: string): Promise<Answer> {
    await this.deps.pause('converting');
    const jobId = `job-${member.request_id}`;
    const known = this.#knownOf(plan, member, runId);
    const accepted202 = acceptedAnswer(plan, member, jobId, known, Date.now());
    const published = await this.deps.orchestrations.recordJob({
      requestId: member.request_id,
      tenantId: plan.tenant_id,
      runId,
      jobId,
      parentJobId: member.parent_job_id,
      status: 'running',
      planned: expectedResults(plan),
      answer: accepted202,
      recipe: recipeOf(plan, accepted.request),
      callbackUrl: accepted.request.callback_url,
      receivedAt: new Date(member.received_at),
    });
    await this.deps.pause('converted');
    if (published)
      return { ...published, requestId: member.request_id, jobId: published.status === 202 ? jobId : null };
    this.deps.converted(plan.tenant_id, 'elapsed');
    return { ...accepted202, requestId: member.request_id, jobId };
  }

  memberOf(accepted: Accepted, planned: Planned, mode: ProcessingMode): Member {
    const { request } = accepted;
    return {
      request_id: accepted.requestId,
      correlation_id: accepted.correlationId,
      traceparent: accepted.traceparent,
      asked: accepted.asked,
      mode,
      content: request.content,
      content_length: codePointLength(request.content),
      ...countedGaps(request, planned.plan),
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
      ...(planned.about && { about: planned.about }),
      prior_results: accepted.priorResults ?? [],
      ...(accepted.cacheKey === undefined ? {} : { cache_key: accepted.cacheKey }),
    };
  }

  /** A member as the joiner of a running execution sees it: its own clock, the running one's identity. */
  joiningMember(accepted: Accepted, planned: Planned, runningRequestId: string): Member {
    return { ...this.memberOf(accepted, planned, 'sync'), request_id: runningRequestId };
  }
}

/** What of a file no detector gets, unless its bundle has it that this does not matter. */
function countedGaps({ source }: OrchestrationRequest, plan: Plan): Pick<Member, 'gaps'> {
  const gaps = source?.gaps.filter((gap) => !plan.accepted_gaps?.includes(gap)) ?? [];
  return gaps.length === 0 ? {} : { gaps };
}
