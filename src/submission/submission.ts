import { timingSafeEqual } from 'node:crypto';
import { ConclaveError } from '../contract/errors';
import { jobIdPattern } from '../contract/text';
import type { Planner } from '../planning/planner';
import type { Orchestrations } from '../store/orchestrations';
import type { Claim, HeldClaim, Runs } from '../store/runs';
import type { Accepted, Answer, Execution } from './execution';
import { claimFor } from './fingerprint';
import type { RunGateway } from './run-gateway';

export interface SubmissionDependencies {
  readonly planner: Planner;
  readonly execution: Execution;
  readonly runs: Runs;
  readonly orchestrations: Orchestrations;
  readonly gateway: RunGateway;
}

const route = 'POST /orchestrate';
/** A key changes hands at most so often before we give up: more would mean that callers fight over it. */
const maxTurns = 5;

/** Takes an accepted request to its answer: once, whatever the caller repeats (spec/orchestration.md 6). */
export class Submission {
  constructor(private readonly deps: SubmissionDependencies) {}

  async submit(accepted: Accepted): Promise<Answer> {
    const { idempotencyKey: key, request } = accepted;
    if (key === null)
      return (await this.deps.execution.run(accepted, this.deps.planner.plan(request), null))!;
    if (jobIdPattern.test(key)) return this.#addressJob(key, accepted);
    const claim = claimFor(route, key, request, accepted.requestId);
    for (let turn = 0; turn < maxTurns; turn++) {
      const held = await this.deps.runs.claimOn(claim);
      const answer = held
        ? await this.#follow(accepted, claim, held)
        : await this.deps.execution.run(accepted, this.deps.planner.plan(request), claim);
      if (answer) return answer;
    }
    throw new ConclaveError('INTERNAL_ERROR', 'the idempotency key is contended; try again');
  }

  /** @returns null when the claim turned out to be dead and has been dropped: the key is free again */
  async #follow(accepted: Accepted, claim: Claim, held: HeldClaim): Promise<Answer | null> {
    if (!timingSafeEqual(held.fingerprint, claim.fingerprint)) {
      throw new ConclaveError('INVALID_REQUEST', 'the Idempotency-Key was used before with another body', {
        status: 409,
        detail: 'idempotency_conflict',
      });
    }
    const stored = await this.#replay(held.requestId);
    if (stored) return stored;
    if (held.leaseExpired) {
      const state = await this.deps.gateway.stateOf(held.runId);
      if (state === 'absent' || state === 'broken') {
        const published = await this.#replay(held.requestId);
        if (!published) await this.deps.runs.dropClaim(claim, held.runId);
        return published;
      }
    }
    const planned = this.deps.planner.plan(accepted.request);
    const member = this.deps.execution.joiningMember(accepted, planned, held.requestId);
    return this.deps.execution.await(accepted, planned.plan, member, { runId: () => held.runId });
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
