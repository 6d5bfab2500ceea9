import { timingSafeEqual } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ConclaveError } from '../contract/errors';
import type { IdempotencyOutcome } from '../contract/service-metrics';
import type { Job, Orchestrations } from '../store/orchestrations';
import type { Claim, HeldClaim, Runs } from '../store/runs';
import type { Answer } from './execution';
import type { RunGateway } from './run-gateway';

export interface KeyedRunsDependencies {
  readonly runs: Pick<Runs, 'claimOn' | 'abandon'>;
  readonly orchestrations: Pick<Orchestrations, 'answerOf' | 'job'>;
  readonly gateway: Pick<RunGateway, 'stateOf'>;
}

/** A call with an Idempotency-Key whose effect is a run. */
export interface KeyedRun {
  readonly claim: Claim;
  /** Epoch ms by which the engine must know the run that another call has claimed the key for. */
  readonly deadline: number;
  readonly used: (outcome: IdempotencyOutcome) => void;
  /** @returns null when another call has claimed the key meanwhile: nothing was started */
  readonly run: () => Promise<Answer | null>;
  /**
   * Waits for the answer of the run that another call has claimed the key for, and that has none yet.
   * @param started asks for the run's id, once the engine knows it
   * @returns null when it is to be looked at anew
   */
  readonly join: (held: HeldClaim, started: () => Promise<string>) => Promise<Answer | null>;
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

/**
 * Runs that are started once under a caller's key (docs/adr/0034): the claim is committed with the id of the run before
 * the run is started, so a repetition finds either the run, or that there is none and never will be.
 */
export class KeyedRuns {
  constructor(private readonly deps: KeyedRunsDependencies) {}

  /** @throws ConclaveError INVALID_REQUEST 409 `idempotency_conflict` */
  async once(keyed: KeyedRun): Promise<Answer> {
    for (let turn = 0; turn < maxTurns; turn++) {
      const held = await this.deps.runs.claimOn(keyed.claim);
      const answer = held ? await this.#follow(keyed, held) : await keyed.run();
      if (!answer) continue;
      keyed.used(held ? (answer.replayed ? 'replayed' : 'joined') : 'new');
      return answer;
    }
    throw new ConclaveError('INTERNAL_ERROR', 'the idempotency key is contended; try again');
  }

  /**
   * A job's id sent as key stands for that job (spec/orchestration.md 6).
   * @throws ConclaveError INVALID_REQUEST 404 `job_not_found`, also for a job that the caller cannot mean
   */
  async addressed(jobId: string, isMeant: (job: Job) => boolean): Promise<Answer> {
    const job = await this.deps.orchestrations.job(jobId, null);
    if (!job?.answer || !isMeant(job) || job.status === 'cancelled') {
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

  /** @returns null when the claim turned out to be dead and has been dropped: the key is free again */
  async #follow(keyed: KeyedRun, held: HeldClaim): Promise<Answer | null> {
    if (!timingSafeEqual(held.fingerprint, keyed.claim.fingerprint)) {
      keyed.used('conflict');
      throw new ConclaveError('INVALID_REQUEST', 'the Idempotency-Key was used before with another body', {
        status: 409,
        detail: 'idempotency_conflict',
      });
    }
    const stored = await this.#replay(held.requestId, keyed.claim.tenantId);
    if (stored && (stored.jobId === null || (await this.#isRunning(stored.jobId, keyed.claim.tenantId))))
      return stored;
    const confirmed = () => this.#confirmedRun(keyed, held);
    try {
      if (stored || held.leaseExpired) await confirmed();
      return stored ?? (await keyed.join(held, confirmed));
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
  async #confirmedRun({ claim, deadline }: KeyedRun, first: HeldClaim): Promise<string> {
    for (let held: HeldClaim | null = first; held; held = await this.deps.runs.claimOn(claim)) {
      if (held.requestId !== first.requestId) break;
      if ((await this.deps.gateway.stateOf(held.runId, claim.tenantId)) !== 'absent') return held.runId;
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

  async #isRunning(jobId: string, tenantId: string): Promise<boolean> {
    const job = await this.deps.orchestrations.job(jobId, tenantId);
    return job !== null && job.status !== 'pending';
  }

  async #replay(requestId: string, tenantId: string): Promise<Answer | null> {
    const answer = await this.deps.orchestrations.answerOf(requestId, tenantId);
    if (!answer) return null;
    return { ...answer, requestId, jobId: answer.status === 202 ? `job-${requestId}` : null, replayed: true };
  }
}
