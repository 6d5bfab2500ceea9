import type { DetectorResult } from '../contract/detector-result';
import { detectorEndpointId } from '../contract/endpoint-id';
import type { Member } from '../contract/plan';
import { backoffMs } from '../domain/budget';
import { type Failure, failureOf, mayBeStoodInFor } from '../domain/detector-fallback';
import { resultWithoutAnswer } from '../domain/results';
import { type AllowedBy, withSuppressions } from '../domain/suppression';
import { DetectorCallError } from '../detectors/call-error';
import type { CredentialVerdicts } from '../detectors/credential-verdicts';
import type { CallContext, DetectorCaller } from '../detectors/detector-caller';
import type { CallOutcome } from '../domain/breaker';
import type { Breakers } from '../registry/breakers';
import type { HealthMonitor } from '../registry/health-monitor';
import type { Latencies } from '../registry/latencies';
import type { KeyRing } from '../store/key-ring';
import { DetectorFallbacks } from './detector-fallbacks';
import type { AttemptResults } from './detector-memo';
import { CancelledByCaller, type RunControls } from './run-controls';
import type { DetectInput } from './types';

/** How long an attempt waits for what its list allows. */
const listMs = 200;

/** The time of the request, not of the attempt, is up. */
class RequestDeadline extends Error {
  override readonly name = 'RequestDeadline';
}

export interface Attempt {
  readonly input: DetectInput;
  readonly members: readonly Member[];
  readonly number: number;
  readonly startedAt: number;
  readonly signal: AbortSignal;
  /** Told of results as they come; those it was told of stand, whatever becomes of the attempt. */
  readonly answered: (results: AttemptResults) => void;
}

export interface AttemptDependencies {
  readonly caller: DetectorCaller;
  readonly credentials: Pick<CredentialVerdicts, 'areRefusedAt'>;
  readonly breakers: Breakers;
  readonly health: HealthMonitor;
  readonly latencies: Latencies;
  readonly controls: RunControls;
  readonly keys: KeyRing;
  /** What counts for nothing under a plan; null: everything counts. */
  readonly allowedBy: (plan: DetectInput['plan']) => Promise<AllowedBy | null>;
  readonly now: () => number;
}

/** One attempt at one detector: availability, the call under its limits, and what it teaches the breaker. */
export class DetectorAttempts {
  readonly #fallbacks: DetectorFallbacks;

  constructor(private readonly deps: AttemptDependencies) {
    this.#fallbacks = new DetectorFallbacks(deps);
  }

  /**
   * @returns a result for each member that is still wanted
   * @throws DetectorCallError when the detector gave none, or none for those of whom `answered` was not told
   */
  async make(attempt: Attempt): Promise<AttemptResults> {
    const { plan } = attempt.input;
    const allowedBy = plan.allow_list ? await this.#listed(attempt) : null;
    if (!allowedBy) return this.#make(attempt);
    // Last of all: what is remembered for other requests is what detectors have said.
    const judged = (results: AttemptResults): AttemptResults =>
      new Map([...results].map(([requestId, result]) => [requestId, withSuppressions(result, allowedBy)]));
    const answered = (results: AttemptResults): void => attempt.answered(judged(results));
    return judged(await this.#make({ ...attempt, answered }));
  }

  /** Null, so that every finding counts, when the list does not come at once: the time is the detector's. */
  async #listed(attempt: Attempt): Promise<AllowedBy | null> {
    const left = Math.min(listMs, cutAt(attempt) - this.deps.now());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), left);
    });
    try {
      return await Promise.race([this.deps.allowedBy(attempt.input.plan), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #make(attempt: Attempt): Promise<AttemptResults> {
    const { detector } = attempt.input;
    const refusal = this.#refusal(attempt);
    if (refusal) return this.#refused(attempt, refusal);
    const endpointId = this.#endpointOf(attempt);
    const admission = this.deps.breakers.admit(endpointId);
    if (!admission.admitted) return this.#refused(attempt, this.#unanswered(attempt, 'circuit_open'));
    const record = (outcome: CallOutcome) => this.deps.breakers.record(endpointId, outcome, admission.epoch);
    const answered = new Map<string, DetectorResult>();
    try {
      return await this.#inTime(attempt, async (context, signal) => {
        const callStartedAt = this.deps.now();
        const results = await this.deps.caller.call(
          detector,
          attempt.members,
          {
            ...context,
            answered: (results) => {
              for (const [requestId, result] of results) answered.set(requestId, result);
              attempt.answered(results);
            },
          },
          signal,
        );
        record('success');
        this.deps.latencies.record(detector.name, detector.version, this.deps.now() - callStartedAt);
        this.#fallbacks.remember(attempt, context.fingerprintKey, results);
        return results;
      });
    } catch (error) {
      record(outcomeOf(error, answered));
      return this.#failed(attempt, error, answered);
    }
  }

  /** Within the time of one attempt, and as long as somebody waits for it. */
  async #inTime(
    attempt: Attempt,
    call: (context: CallContext, signal: AbortSignal) => Promise<AttemptResults>,
  ): Promise<AttemptResults> {
    const { run, plan } = attempt.input;
    const cancelled = this.deps.controls.allCancelled(attempt.members.map((member) => member.request_id));
    const deadline = timers(attempt, this.deps.now());
    try {
      const context: CallContext = {
        runId: run.run_id,
        tenantId: plan.tenant_id,
        contentType: plan.content_type,
        fingerprintKey: await this.deps.keys.digestKey(plan.tenant_id),
        startedAt: attempt.startedAt,
        attempt: attempt.number,
        wanted: (requestId) => !this.deps.controls.isCancelled(requestId),
        answered: () => undefined,
      };
      return await call(context, AbortSignal.any([attempt.signal, cancelled.signal, deadline.signal]));
    } finally {
      deadline.clear();
      cancelled.dispose();
    }
  }

  /** Nothing was called: it is known to be of no use. */
  async #refused(attempt: Attempt, refusal: DetectorResult): Promise<AttemptResults> {
    const standIns = await this.#standIns(attempt, failureOf(refusal));
    const { fallback } = attempt.input.detector;
    if (fallback && standIns.size > 0)
      this.deps.breakers.fellBack(this.#endpointOf(attempt), fallback.strategy);
    return new Map([...sameForAll(attempt, refusal), ...standIns]);
  }

  async #standIns(attempt: Attempt, failure: Failure | null): Promise<AttemptResults> {
    if (failure === null || attempt.input.detector.fallback === undefined) return new Map();
    return this.#inTime(attempt, (context, signal) =>
      this.#fallbacks.instead(attempt, failure, context, signal),
    );
  }

  #refusal(attempt: Attempt): DetectorResult | null {
    if (this.deps.now() >= cutAt(attempt)) return this.#unanswered(attempt, 'request_deadline');
    if (!this.deps.health.isHealthy(this.#endpointOf(attempt))) return this.#unanswered(attempt, 'unhealthy');
    return null;
  }

  #unanswered(
    { input, startedAt }: Attempt,
    token: Parameters<typeof resultWithoutAnswer>[1],
  ): DetectorResult {
    const { name, call } = input.detector;
    const refused = token !== 'request_deadline' && this.deps.credentials.areRefusedAt(call.endpoint);
    return resultWithoutAnswer(name, token, this.deps.now() - startedAt, refused ? 'credentials' : undefined);
  }

  /** A tenant's own detector comes before one that it shares with others. */
  #endpointOf({ input: { plan, detector } }: Attempt): string {
    const own = detectorEndpointId({ ...detector, tenant_id: plan.tenant_id });
    return this.deps.breakers.has(own) ? own : detectorEndpointId(detector);
  }

  async #failed(attempt: Attempt, error: unknown, answered: AttemptResults): Promise<AttemptResults> {
    if (error instanceof CancelledByCaller) return answered;
    if (error instanceof RequestDeadline) {
      return new Map([...sameForAll(attempt, this.#unanswered(attempt, 'request_deadline')), ...answered]);
    }
    if (!(error instanceof DetectorCallError) || this.#isWorthAnother(attempt, error)) throw error;
    const { failure, failureCause } = error;
    if (!mayBeStoodInFor(failure, failureCause)) throw error;
    const members = attempt.members.filter(({ request_id }) => !answered.has(request_id));
    const standIns = await this.#standIns({ ...attempt, members }, { error: failure, cause: failureCause });
    attempt.answered(standIns);
    if (standIns.size < members.length) throw error;
    return new Map([...answered, ...standIns]);
  }

  /** Whether the detector itself will be asked again: then nothing needs to stand in for it yet. */
  #isWorthAnother(attempt: Attempt, error: DetectorCallError): boolean {
    const waitMs = error.options.retryAfterMs ?? backoffMs(attempt.number - 1, 1);
    return isWorthAnother(attempt, error, waitMs, this.deps.now());
  }
}

/** A detector that judged some of its batches is alive; whatever the others met with counts as one (design.md 7, 18). */
function outcomeOf(error: unknown, answered: AttemptResults): CallOutcome {
  if (answered.size > 0) return 'success';
  return error instanceof DetectorCallError && error.countsForBreaker ? 'failure' : 'neutral';
}

function sameForAll(attempt: Attempt, result: DetectorResult): AttemptResults {
  return new Map(attempt.members.map((member) => [member.request_id, result]));
}

/** Whether a failed detector is to be asked once more, after a wait (spec/orchestration.md 4.4). */
export function isWorthAnother(
  { input, number }: Pick<Attempt, 'input' | 'number'>,
  error: DetectorCallError,
  waitMs: number,
  now: number,
): boolean {
  const cut = Math.min(...input.members.map((member) => member.cut_at));
  return error.options.retryable && number <= input.detector.max_retries && now + waitMs < cut;
}

/** The run ends with its earliest member (design.md 7, 8). */
function cutAt(attempt: Attempt): number {
  return Math.min(...attempt.members.map((member) => member.cut_at));
}

function timers(attempt: Attempt, now: number): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  const { timeout_ms: timeoutMs, name } = attempt.input.detector;
  const left = cutAt(attempt) - now;
  const reason =
    left <= timeoutMs
      ? new RequestDeadline('the time of the request is up')
      : new DetectorCallError('attempt_timeout', `no answer from ${name} within ${timeoutMs} ms`, {
          retryable: true,
        });
  const timer = setTimeout(() => controller.abort(reason), Math.min(left, timeoutMs));
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}
