import type { OrchestrationRequest } from '../contract/request';
import { convertAfter, type SlaSettings } from '../domain/budget';
import type { Planned } from '../planning/planner';
import { type CachedAnswer, KeptAnswer } from '../store/cached-answer';
import type { ResponseCache } from '../store/response-cache';
import type { Claim, Runs } from '../store/runs';
import { before } from './before';
import type { CacheKeys } from './cache-key';
import type { Accepted, Answer, CacheUse, Execution } from './execution';
import { Flights, type Landing } from './flights';
import type { Hits } from './hits';

export interface CachedExecutionDependencies {
  readonly execution: Pick<Execution, 'run' | 'becomesJob'>;
  /** Null: the cache is off, and every request runs. */
  readonly cache: ResponseCache | null;
  readonly keys: CacheKeys;
  readonly hits: Hits;
  readonly runs: Pick<Runs, 'claim' | 'releaseClaim'>;
  readonly sla: SlaSettings;
}

/** A request and where its answer is kept. */
interface Call {
  readonly accepted: Accepted;
  readonly planned: Planned;
  readonly claim: Claim | null;
  readonly key: string;
  readonly cache: ResponseCache;
  /** What `X-Cache` says when it has an execution of its own. */
  readonly without: CacheUse;
}

/**
 * A follower that still waits boards a run so long before it would become a job: as many as there are then share few
 * runs, instead of becoming jobs by a run each.
 */
const boardingMs = 200;

/**
 * Executions behind the response cache (spec/orchestration.md 6) and single flight (design.md 7, 20): what was judged
 * before, or is being judged, is not judged again. `X-Cache` says HIT for every answer that needed no execution of its own.
 */
export class CachedExecution implements Pick<Execution, 'run'> {
  readonly #flights = new Flights();

  constructor(private readonly deps: CachedExecutionDependencies) {}

  /** @returns null when another request holds the claim: nothing was started */
  async run(accepted: Accepted, planned: Planned, claim: Claim | null): Promise<Answer | null> {
    const { cache, keys, hits, execution } = this.deps;
    const { request } = accepted;
    const key = cache && (await keys.keyFor(request, planned));
    if (!cache || key === null) return tagged(await execution.run(accepted, planned, claim), 'BYPASS');
    const found = await cache.lookUp(key, request.tenant_id);
    if (found.kind === 'hit') {
      return tagged(await hits.answer(found.answer, accepted, planned, claim, 'cache'), 'HIT');
    }
    const call: Call = {
      accepted: { ...accepted, cacheKey: key },
      planned,
      claim,
      key,
      cache,
      without: found.kind === 'miss' ? 'MISS' : 'BYPASS',
    };
    return this.#mayShare(request, planned) ? this.#shared(call) : this.#alone(call);
  }

  /** Jobs are durable by themselves; what may not become one is answered by its own SLA or not at all. */
  #mayShare(request: OrchestrationRequest, planned: Planned): boolean {
    return planned.plan.allow_async_conversion && !this.deps.execution.becomesJob(request, planned);
  }

  async #alone(call: Call): Promise<Answer | null> {
    return (await this.#execute(call)).answer;
  }

  /** @returns with the answer what of it others may have */
  async #execute(call: Call): Promise<{ answer: Answer | null; kept: KeptAnswer | null }> {
    const { accepted, planned, claim, without } = call;
    const answer = tagged(await this.deps.execution.run(accepted, planned, claim), without);
    const kept = answer && KeptAnswer.of(answer);
    // Who repeats a request as soon as it is answered finds the answer, on whatever replica.
    if (kept) await call.cache.remember(call.key, accepted.request.tenant_id, kept);
    return { answer, kept };
  }

  async #shared(call: Call): Promise<Answer | null> {
    const flight = this.#flights.join(call.key);
    return flight ? this.#follow(call, flight) : this.#lead(call);
  }

  async #lead(call: Call): Promise<Answer | null> {
    const land = this.#flights.takeOff(call.key);
    let landing: Landing = { kind: 'own' };
    try {
      const { answer, kept } = await this.#execute(call);
      if (kept) landing = { kind: 'answered', kept };
      else if (answer?.status === 202) landing = { kind: 'converted' };
      return answer;
    } finally {
      land(landing);
    }
  }

  /**
   * Waits beside an identical request. What that one's execution comes to is taken over only when it may be; a follower
   * whose leader became a job, or failed, or is slower than the follower may be, has an execution after all.
   */
  async #follow(call: Call, flight: Promise<Landing>): Promise<Answer | null> {
    const { accepted, planned, claim } = call;
    if (claim !== null && !(await this.deps.runs.claim(claim, accepted.requestId))) return null;
    const boardAt = accepted.receivedAt + convertAfter(accepted.request.priority, this.deps.sla) - boardingMs;
    const landing = await before(boardAt, flight);
    if (landing?.kind === 'answered') {
      return this.#takeOver(landing.kept.answer, accepted, planned, claim);
    }
    // Whoever runs it claims it anew; who is quicker in between is joined.
    if (claim !== null) await this.deps.runs.releaseClaim(accepted.requestId);
    return landing?.kind === 'converted' ? this.#shared(call) : this.#alone(call);
  }

  async #takeOver(
    answer: CachedAnswer,
    accepted: Accepted,
    planned: Planned,
    claim: Claim | null,
  ): Promise<Answer | null> {
    try {
      const claimed = claim === null ? null : 'held';
      return tagged(await this.deps.hits.answer(answer, accepted, planned, claimed, 'flight'), 'HIT');
    } catch (error) {
      if (claim !== null) await this.deps.runs.releaseClaim(accepted.requestId).catch(() => undefined);
      throw error;
    }
  }
}

function tagged(answer: Answer | null, cache: CacheUse): Answer | null {
  return answer && { ...answer, cache };
}
