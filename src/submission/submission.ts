import { timingSafeEqual } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ConclaveError } from '../contract/errors';
import type { IdempotencyOutcome } from '../contract/service-metrics';
import { jobIdPattern } from '../contract/text';
import type { Planned, Planner } from '../planning/planner';
import type { Orchestrations } from '../store/orchestrations';
import type { Claim, HeldClaim, Runs } from '../store/runs';
import type { Accepted, Answer, Execution } from './execution';
import { claimFor } from './fingerprint';
import type { RunGateway } from './run-gateway';
import { bySla } from './sla-guard';

export interface SubmissionDependencies {
  readonly planner: Planner;
  readonly execution: Pick<Execution, 'await' | 'joiningMember' | 'slaAt'>;
  /** Runs what is not a repetition: behind the response cache. */
  readonly cached: Pick<Execution, 'run'>;
  readonly runs: Runs;
  readonly orchestrations: Orchestrations;
  readonly gateway: RunGateway;
  /** Told of requests that end with an error of ours instead of an outcome. */
  readonly refused: (error: ConclaveError, request: Accepted['request']) => void;
  /** Told what became of requests with an Idempotency-Key. */
  readonly keyUsed: (request: Accepted['request'], outcome: IdempotencyOutcome) => void;
}

/** A key changes hands at most so often before we give up: more would mean that callers fight over it. */
const maxTurns = 5;
const confirmEveryMs = 100;

/** Nothing runs for the claim, and nothing will. */
class DeadClaimError extends Error {
  override readonly name = 'DeadClaimError';
  constructor(readonly runId: string) {
    super('the claim is dead');
  }
}

/** Takes an accepted request to its answer: once, whatever the caller repeats (spec/orchestration.md 6). */
export class Submission {
  /** @param route whose keys these are */
  constructor(
    private readonly deps: SubmissionDependencies,
    private readonly route = 'POST /orchestrate',
  ) {}

  async submit(accepted: Accepted): Promise<Answer> {
    try {
      return await bySla(this.deps.execution.slaAt(accepted), this.#submit(accepted));
    } catch (error) {
      if (error instanceof ConclaveError) this.deps.refused(error, accepted.request);
      throw error;
    }
  }

  async #submit(accepted: Accepted): Promise<Answer> {
    const { idempotencyKey: key, request } = accepted;
    if (key === null) return (await this.#run(accepted, null))!;
    if (jobIdPattern.test(key)) return this.#addressJob(key, accepted);
    const claim = claimFor(this.route, key, request, accepted.requestId);
    for (let turn = 0; turn < maxTurns; turn++) {
      const held = await this.deps.runs.claimOn(claim);
      const answer = held ? await this.#follow(accepted, claim, held) : await this.#run(accepted, claim);
      if (!answer) continue;
      this.deps.keyUsed(request, held ? (answer.replayed ? 'replayed' : 'joined') : 'new');
      return answer;
    }
    throw new ConclaveError('INTERNAL_ERROR', 'the idempotency key is contended; try again');
  }

  async #run(accepted: Accepted, claim: Claim | null): Promise<Answer | null> {
    return this.deps.cached.run(accepted, await this.#plan(accepted), claim);
  }

  #plan({ request, idempotencyKey, requestId }: Accepted): Promise<Planned> {
    return this.deps.planner.plan(request, requestId, idempotencyKey ?? requestId);
  }

  /** @returns null when the claim turned out to be dead and has been dropped: the key is free again */
  async #follow(accepted: Accepted, claim: Claim, held: HeldClaim): Promise<Answer | null> {
    if (!timingSafeEqual(held.fingerprint, claim.fingerprint)) {
      this.deps.keyUsed(accepted.request, 'conflict');
      throw new ConclaveError('INVALID_REQUEST', 'the Idempotency-Key was used before with another body', {
        status: 409,
        detail: 'idempotency_conflict',
      });
    }
    const stored = await this.#replay(held.requestId);
    if (stored && (stored.jobId === null || (await this.#isRunning(stored.jobId)))) return stored;
    const planned = await this.#plan(accepted);
    const member = this.deps.execution.joiningMember(accepted, planned, held.requestId);
    const confirmed = () => this.#confirmedRun(claim, held, member.sla_at);
    try {
      if (stored || held.leaseExpired) await confirmed();
      if (stored) return stored;
      return await this.deps.execution.await(accepted, planned.plan, member, {
        runId: () => held.runId,
        // Asked for when the caller's time comes to convert: no 202 for a run that was never started.
        get started() {
          return confirmed();
        },
      });
    } catch (error) {
      if (!(error instanceof DeadClaimError)) throw error;
      await this.deps.runs.abandon(error.runId);
      return null;
    }
  }

  /**
   * The run behind a claim, once the engine knows it: a claimant that died before the start left none (design.md 7, 19).
   * @throws DeadClaimError when there is none and the lease is over
   */
  async #confirmedRun(claim: Claim, first: HeldClaim, deadline: number): Promise<string> {
    for (let held: HeldClaim | null = first; held; held = await this.deps.runs.claimOn(claim)) {
      if (held.requestId !== first.requestId) break;
      if ((await this.deps.gateway.stateOf(held.runId)) !== 'absent') return held.runId;
      if (held.leaseExpired) throw new DeadClaimError(held.runId);
      if (Date.now() >= deadline) break;
      await delay(confirmEveryMs);
    }
    throw new ConclaveError(
      'INTERNAL_ERROR',
      'the first call with this Idempotency-Key has not started; try again',
      {
        detail: 'start_unconfirmed',
      },
    );
  }

  async #isRunning(jobId: string): Promise<boolean> {
    const job = await this.deps.orchestrations.job(jobId);
    return job !== null && job.status !== 'pending';
  }

  async #replay(requestId: string): Promise<Answer | null> {
    const answer = await this.deps.orchestrations.answerOf(requestId);
    if (!answer) return null;
    return { ...answer, requestId, jobId: answer.status === 202 ? `job-${requestId}` : null, replayed: true };
  }

  /** A job's id sent as key stands for that job (spec/orchestration.md 6). */
  async #addressJob(jobId: string, accepted: Accepted): Promise<Answer> {
    const job = await this.deps.orchestrations.job(jobId);
    if (!job?.answer || job.tenantId !== accepted.request.tenant_id || job.status === 'cancelled') {
      throw new ConclaveError('INVALID_REQUEST', 'the Idempotency-Key names a job that does not exist', {
        status: 404,
        detail: 'job_not_found',
      });
    }
    return {
      ...job.answer,
      requestId: job.requestId,
      jobId: job.answer.status === 202 ? jobId : null,
      replayed: true,
    };
  }
}
