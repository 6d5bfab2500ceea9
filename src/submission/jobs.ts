import { randomUUID } from 'node:crypto';
import type { JobStatusResponse } from '../contract/answer';
import { type DetectorResult, isSubstitute } from '../contract/detector-result';
import { ConclaveError } from '../contract/errors';
import type { IdempotencyOutcome } from '../contract/service-metrics';
import { jobIdPattern } from '../contract/text';
import type { OrchestrationRequest, RerunRequest } from '../contract/request';
import type { Plan } from '../contract/plan';
import { type AllowedBy, withoutSuppressions, withSuppressions } from '../domain/suppression';
import type { Planned, Planner } from '../planning/planner';
import type { Callbacks } from '../store/callbacks';
import { RunKeyDestroyedError } from '../store/key-ring';
import type { Job, Orchestrations } from '../store/orchestrations';
import type { Claim } from '../store/runs';
import type { Accepted, Answer, Execution } from './execution';
import { rerunClaimFor } from './fingerprint';
import { resultOf, statusOf } from './job-status';
import { KeyedRuns, type KeyedRunsDependencies } from './keyed-runs';
import { isAbout, readRecipe } from './recipe';
import type { RunGateway } from './run-gateway';

export interface JobsDependencies extends KeyedRunsDependencies {
  readonly orchestrations: Orchestrations;
  readonly planner: Planner;
  readonly execution: Execution;
  readonly tenants: { requireActive(tenantId: string): void };
  readonly gateway: RunGateway;
  /** What counts for nothing under a plan; null: everything counts. */
  readonly allowedBy: (plan: Plan) => Promise<AllowedBy | null>;
  readonly callbacks: Pick<Callbacks, 'stateOf' | 'replay'>;
  /** What was uploaded again. */
  readonly uploads: {
    open(tenantId: string, contentRef: string): Promise<{ readonly content: string }>;
  };
  /** Told what became of re-runs with an Idempotency-Key. */
  readonly keyUsed: (
    of: { readonly tenant_id: string; readonly policy_bundle: null },
    outcome: IdempotencyOutcome,
  ) => void;
}

type RerunCall = Pick<Accepted, 'correlationId' | 'traceparent' | 'asked' | 'idempotencyKey' | 'receivedAt'>;

/** Longer than a claim is held by a process that has died. */
const joinWithinMs = 10_000;

/** Jobs as their owners see them: status, cancellation, re-runs (spec/orchestration.md 1.9, design.md 2). */
export class Jobs {
  readonly #keyed: KeyedRuns;

  constructor(private readonly deps: JobsDependencies) {
    this.#keyed = new KeyedRuns(deps);
  }

  async status(jobId: string, tenantId: string | null): Promise<JobStatusResponse> {
    const [job, callback] = await Promise.all([
      this.#job(jobId, tenantId),
      this.deps.callbacks.stateOf(jobId, tenantId),
    ]);
    return { ...statusOf(job), callback };
  }

  async cancel(jobId: string, tenantId: string | null): Promise<JobStatusResponse> {
    if (!(await this.deps.orchestrations.cancel(await this.#job(jobId, tenantId)))) {
      throw new ConclaveError('INVALID_REQUEST', 'the job has ended and cannot be cancelled', {
        status: 409,
        detail: 'job_not_cancellable',
      });
    }
    return this.status(jobId, tenantId);
  }

  /** Calls back once more; while that is still under way it goes on, and no second begins. */
  async replayCallback(jobId: string, tenantId: string | null): Promise<JobStatusResponse> {
    const { status, callback } = await this.status(jobId, tenantId);
    if (callback === null) throw callbackNotFound();
    if (status === 'pending' || status === 'running') throw notFinished('it calls back when it has');
    await this.deps.callbacks.replay(jobId, tenantId);
    return this.status(jobId, tenantId);
  }

  /** A new job that repeats an old one: all of it or what failed, under its own policy or today's. */
  async rerun(jobId: string, tenantId: string | null, rerun: RerunRequest, call: RerunCall): Promise<Answer> {
    const job = await this.#job(jobId, tenantId);
    this.deps.tenants.requireActive(job.tenantId);
    const requestId = randomUUID();
    const { idempotencyKey: key, receivedAt } = call;
    if (key === null) return (await this.#rerun(job, rerun, call, requestId, null))!;
    if (jobIdPattern.test(key)) {
      return this.#keyed.addressed(
        key,
        (named) => named.tenantId === job.tenantId && named.parentJobId === jobId,
      );
    }
    const claim = rerunClaimFor(key, job, rerun, requestId);
    return this.#keyed.once({
      claim,
      deadline: receivedAt + joinWithinMs,
      used: (outcome) => this.deps.keyUsed({ tenant_id: job.tenantId, policy_bundle: null }, outcome),
      run: () => this.#rerun(job, rerun, call, requestId, claim),
      // A job is recorded with the claim on its key: one without an answer has freed it meanwhile.
      join: () => Promise.resolve(null),
    });
  }

  /** @returns null when another call holds the claim */
  async #rerun(
    job: Job,
    rerun: RerunRequest,
    call: RerunCall,
    requestId: string,
    claim: Claim | null,
  ): Promise<Answer | null> {
    if (job.status === 'pending' || job.status === 'running') {
      throw notFinished('cancel it first, or wait');
    }
    const bytes = await this.deps.orchestrations.recipe(job);
    if (!bytes) throw contentExpired();
    const recipe = readRecipe(bytes);
    const sentAgain = await this.#sentAgain(rerun, job);
    if (sentAgain !== undefined && !isAbout(recipe, sentAgain)) throw otherContent();
    const content = sentAgain ?? (await this.#contentOf(job));
    const request: OrchestrationRequest = { ...recipe.request, content, processing_mode: 'async' };
    const today = await this.deps.planner.plan(request, requestId, call.idempotencyKey ?? requestId);
    const planned = rerun.policy === 'current' ? today : underItsPolicy(recipe.plan, today);
    const allowedBy = (await this.deps.allowedBy(planned.plan)) ?? nothing;
    const known = new Set(planned.plan.detectors.map(({ name }) => name));
    const priorResults =
      rerun.detectors === 'all'
        ? []
        : (resultOf(job)?.detector_results ?? [])
            .filter((result) => isKept(result) && known.has(result.detector))
            .map((result) => withSuppressions(inItsOwnName(withoutSuppressions(result)), allowedBy));
    return this.deps.execution.run(
      { ...call, request, requestId, routingTokens: [], parentJobId: job.jobId, priorResults },
      planned,
      claim,
    );
  }

  async #job(jobId: string, tenantId: string | null): Promise<Job> {
    const job = await this.deps.orchestrations.job(jobId, tenantId);
    if (!job || (tenantId !== null && job.tenantId !== tenantId)) {
      throw new ConclaveError('INVALID_REQUEST', 'there is no such job', {
        status: 404,
        detail: 'job_not_found',
      });
    }
    return job;
  }

  async #sentAgain({ content, content_ref: ref }: RerunRequest, job: Job): Promise<string | undefined> {
    return ref === undefined ? content : (await this.deps.uploads.open(job.tenantId, ref)).content;
  }

  async #contentOf(job: Job): Promise<string> {
    try {
      const input = await this.deps.gateway.inputOf(job.runId, job.tenantId);
      const member = input?.members.find(({ request_id: requestId }) => requestId === job.requestId);
      if (member) return member.content;
    } catch (error) {
      if (!(error instanceof RunKeyDestroyedError)) throw error;
    }
    throw contentExpired();
  }
}

const nothing: AllowedBy = () => null;

/** Of what is allowed, what is allowed today: an entry that was revoked since was revoked for a reason. */
function underItsPolicy(original: Plan, today: Planned): Planned {
  const { allow_list: _, ...plan } = original;
  const { allow_list } = today.plan;
  return { ...today, plan: { ...plan, ...(allow_list && { allow_list }) } };
}

function notFinished(remedy: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `the job has not ended yet; ${remedy}`, {
    status: 409,
    detail: 'job_not_finished',
  });
}

function callbackNotFound(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'the job named nobody to call back', {
    status: 404,
    detail: 'callback_not_found',
  });
}

function contentExpired(): ConclaveError {
  return new ConclaveError(
    'INVALID_REQUEST',
    'the content of the job is no longer kept: send `content` again, or upload the file and send `content_ref`',
    {
      status: 409,
      detail: 'content_expired',
      fieldErrors: [{ path: 'content', message: 'is needed, because the job no longer has it' }],
    },
  );
}

/** Results of the original may be taken over, and a re-run's lineage says that it is about the same thing. */
function otherContent(): ConclaveError {
  return new ConclaveError(
    'INVALID_REQUEST',
    'a re-run is about the content of its job: submit another anew',
    {
      status: 409,
      detail: 'content_mismatch',
      fieldErrors: [{ path: 'content', message: 'is not what the job was about' }],
    },
  );
}

/** What need not be asked again: who fell back on a memory or a default has failed. */
function isKept(result: DetectorResult): boolean {
  return result.status === 'success' && !isSubstitute(result);
}

/** Whether an alternate still stands in for another shows when that one has been asked again. */
function inItsOwnName(result: DetectorResult): DetectorResult {
  const { stand_in, ...own } = result;
  return stand_in?.strategy === 'alternate' ? own : result;
}
