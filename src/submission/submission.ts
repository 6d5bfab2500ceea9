import { ConclaveError } from '../contract/errors';
import type { IdempotencyOutcome } from '../contract/service-metrics';
import { jobIdPattern } from '../contract/text';
import type { Planned, Planner } from '../planning/planner';
import type { Claim, HeldClaim } from '../store/runs';
import type { Accepted, Answer, Execution } from './execution';
import { claimFor } from './fingerprint';
import { KeyedRuns, type KeyedRunsDependencies } from './keyed-runs';
import { bySla } from './sla-guard';

export interface SubmissionDependencies extends KeyedRunsDependencies {
  readonly planner: Planner;
  readonly execution: Pick<Execution, 'await' | 'joiningMember' | 'slaAt'>;
  /** Runs what is not a repetition: behind the response cache. */
  readonly cached: Pick<Execution, 'run'>;
  /** Told of requests that end with an error of ours instead of an outcome. */
  readonly refused: (error: ConclaveError, request: Accepted['request']) => void;
  /** Told what became of requests with an Idempotency-Key. */
  readonly keyUsed: (request: Accepted['request'], outcome: IdempotencyOutcome) => void;
}

/** Takes an accepted request to its answer: once, whatever the caller repeats (spec/orchestration.md 6). */
export class Submission {
  readonly #keyed: KeyedRuns;

  /** @param route whose keys these are */
  constructor(
    private readonly deps: SubmissionDependencies,
    private readonly route = 'POST /orchestrate',
  ) {
    this.#keyed = new KeyedRuns(deps);
  }

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
    if (jobIdPattern.test(key))
      return this.#keyed.addressed(key, (job) => job.tenantId === request.tenant_id);
    const claim = claimFor(this.route, key, request, accepted.requestId);
    return this.#keyed.once({
      claim,
      deadline: this.deps.execution.slaAt(accepted),
      used: (outcome) => this.deps.keyUsed(request, outcome),
      run: () => this.#run(accepted, claim),
      join: (held, started) => this.#join(accepted, held, started),
    });
  }

  async #run(accepted: Accepted, claim: Claim | null): Promise<Answer | null> {
    return this.deps.cached.run(accepted, await this.#plan(accepted), claim);
  }

  #plan({ request, idempotencyKey, requestId }: Accepted): Promise<Planned> {
    return this.deps.planner.plan(request, requestId, idempotencyKey ?? requestId);
  }

  /** Waits for the execution that another call has begun, on a clock of its own. */
  async #join(accepted: Accepted, held: HeldClaim, started: () => Promise<string>): Promise<Answer> {
    const planned = await this.#plan(accepted);
    const member = this.deps.execution.joiningMember(accepted, planned, held.requestId);
    return this.deps.execution.await(accepted, planned.plan, member, {
      runId: () => held.runId,
      // Asked for when the caller's time comes to convert: no 202 for a run that was never started.
      get started() {
        return started();
      },
    });
  }
}
