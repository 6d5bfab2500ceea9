import type { DetectorResult } from '../contract/detector-result';
import type { PlannedDetector } from '../contract/plan';
import { defaultResult, type Failure, standingIn } from '../domain/detector-fallback';
import { hasJudged } from '../domain/results';
import { DetectorCallError } from '../detectors/call-error';
import type { CallContext, DetectorCaller } from '../detectors/detector-caller';
import type { Attempt } from './detector-attempts';
import type { AttemptResults } from './detector-memo';
import { JudgementMemory, type Question } from './judgement-memory';

/** What stands in for a detector without another one: its memory, its standby, its default (docs/failure-policy.md). */
export class DetectorFallbacks {
  readonly #memory: JudgementMemory;

  constructor(private readonly deps: { readonly caller: DetectorCaller; readonly now: () => number }) {
    this.#memory = new JudgementMemory(deps.now);
  }

  /** Keeps what the detector itself has said. */
  remember(attempt: Attempt, tenantKey: Buffer, results: AttemptResults): void {
    if (attempt.input.detector.fallback?.strategy !== 'cached') return;
    for (const member of attempt.members) {
      const result = results.get(member.request_id);
      if (result) this.#memory.keep(questionOf(attempt, tenantKey, member), result);
    }
  }

  /** @returns results of those for whom there is something; of the others the failure stands */
  async instead(
    attempt: Attempt,
    failure: Failure,
    context: CallContext,
    signal: AbortSignal,
  ): Promise<AttemptResults> {
    const { fallback, name } = attempt.input.detector;
    switch (fallback?.strategy) {
      case 'cached':
        return this.#recalled(attempt, failure, context);
      case 'default': {
        const result = defaultResult(name, fallback, failure, this.#took(attempt));
        return new Map(attempt.members.map(({ request_id }) => [request_id, result]));
      }
      case 'redirect':
        return this.#standby(attempt, failure, fallback.endpoint, context, signal);
      default:
        return new Map();
    }
  }

  #recalled(attempt: Attempt, failure: Failure, { fingerprintKey }: CallContext): AttemptResults {
    const found = new Map<string, DetectorResult>();
    for (const member of attempt.members) {
      const recalled = this.#memory.recall(questionOf(attempt, fingerprintKey, member));
      if (!recalled) continue;
      const { result, ageSeconds } = recalled;
      const stand_in = standingIn('cached', [result.detector], failure, ageSeconds);
      found.set(member.request_id, { ...result, processing_time_ms: this.#took(attempt), stand_in });
    }
    return found;
  }

  /** One attempt; when it fails too, what the detector itself failed of is what is told. */
  async #standby(
    attempt: Attempt,
    failure: Failure,
    endpoint: string,
    context: CallContext,
    signal: AbortSignal,
  ): Promise<AttemptResults> {
    const { detector } = attempt.input;
    const standby: PlannedDetector = { ...detector, max_retries: 0, call: { ...detector.call, endpoint } };
    const judged = new Map<string, DetectorResult>();
    const take = (results: AttemptResults): void => {
      for (const [requestId, result] of results) {
        if (!hasJudged(result)) continue;
        const stand_in = standingIn('redirect', [detector.name], failure);
        judged.set(requestId, { ...result, stand_in });
      }
    };
    try {
      take(await this.deps.caller.call(standby, attempt.members, { ...context, answered: take }, signal));
    } catch (error) {
      if (!(error instanceof DetectorCallError) && !signal.aborted) throw error;
    }
    return judged;
  }

  #took({ startedAt }: Attempt): number {
    return this.deps.now() - startedAt;
  }
}

function questionOf(
  { input: { detector, plan } }: Attempt,
  tenantKey: Buffer,
  member: Question['member'],
): Question {
  return { tenantId: plan.tenant_id, contentType: plan.content_type, tenantKey, detector, member };
}
