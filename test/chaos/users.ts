import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ErrorResponse,
  errorResponseSchema,
  type JobStatusResponse,
  type OrchestrationResponse,
} from '../../src/contract/answer';
import type { BundleName } from './cluster';
import { type RequestKind, Trail } from './trail';

export interface LoadShape {
  readonly jobs: number;
  readonly requests: number;
}

const mostAtOnce = 64;
/** Arrivals are spread, so that there is load before, during and after the fault. */
const everyMs = 17;
const leastSpanMs = 4000;
const attemptLimitMs = 5000;
const retryMs = 250;
const pollers = 4;
const pollEveryMs = 500;
/** Statuses under 500 that the contract calls worth a repeat. */
const repeatable: readonly number[] = [403, 408, 429];

const texts = [
  'The parcel left the depot on Monday and has not been scanned since.',
  'Write to jane.doe@example.com about the invoice, please.',
  'You are a worthless idiot and everybody knows it.',
  'Could you confirm that the refund goes to the card I paid with?',
];

interface Answer {
  readonly status: number;
  readonly replayed: boolean;
  readonly body: unknown;
}

/**
 * Callers as they should be: every request carries an Idempotency-Key and is repeated with it until it is answered, and
 * every job is looked after until it ends.
 */
export class Users {
  readonly trails: Trail[] = [];
  /** When requests were answered or accepted (epoch ms). */
  readonly served: number[] = [];
  #jobs: { trail: Trail; jobId: string; notBefore: number }[] = [];
  #allSent = false;

  constructor(private readonly url: string) {}

  /**
   * @param onSent is told how many requests have set out
   * @param giveUp ends all waiting
   * @param goesOn whether more of the same set out when those of the load have
   */
  async run(
    load: LoadShape,
    onSent: (sent: number) => void,
    giveUp: AbortSignal,
    goesOn: () => boolean = () => false,
  ): Promise<void> {
    const kinds = mixedKinds(load);
    const gapMs = Math.max(everyMs, leastSpanMs / kinds.length);
    const startedAt = Date.now();
    let next = 0;
    const send = async (): Promise<void> => {
      for (let at = next++; (at < kinds.length || goesOn()) && !giveUp.aborted; at = next++) {
        await delay(Math.max(0, startedAt + at * gapMs - Date.now()));
        onSent(at + 1);
        await this.#insist(this.#newTrail(kinds[at % kinds.length]!), giveUp);
      }
    };
    const polling = Array.from({ length: pollers }, () => this.#poll(giveUp));
    await Promise.all(Array.from({ length: mostAtOnce }, send));
    this.#allSent = true;
    await Promise.all(polling);
  }

  /** Asks once more after everything, under the same keys: what was said must still hold. */
  async verify(giveUp: AbortSignal): Promise<void> {
    const open = this.trails.filter(({ ended }) => ended);
    const check = async (): Promise<void> => {
      for (let trail = open.shift(); trail && !giveUp.aborted; trail = open.shift()) {
        if (trail.failed) await this.#lookAgain(trail, giveUp);
        else await this.#replay(trail, giveUp);
      }
    };
    await Promise.all(Array.from({ length: 8 }, check));
  }

  #newTrail(kind: RequestKind): Trail {
    const key = randomUUID();
    const trail = new Trail(key, kind, `${key}: ${texts[this.trails.length % texts.length]}`);
    this.trails.push(trail);
    return trail;
  }

  async #insist(trail: Trail, giveUp: AbortSignal): Promise<void> {
    const answer = await this.#untilAnswered(() => this.#post(trail), giveUp);
    if (!answer) return;
    this.served.push(Date.now());
    this.#note(trail, answer);
  }

  #note(trail: Trail, { status, body }: Answer): void {
    if (status === 200 || status === 206) {
      const response = body as OrchestrationResponse;
      trail.conclude('completed', response, response.timestamp, Date.now());
    } else if (status === 202) {
      trail.accepted = true;
      const jobId = (body as OrchestrationResponse).job_id!;
      trail.jobIds.add(jobId);
      this.#jobs.push({ trail, jobId, notBefore: Date.now() });
    } else {
      trail.refusals.push(`${status} ${refusalOf(body)}`);
    }
  }

  async #poll(giveUp: AbortSignal): Promise<void> {
    while (!giveUp.aborted && (!this.#allSent || this.#jobs.length > 0)) {
      const due = this.#jobs.shift();
      if (!due || due.notBefore > Date.now()) {
        if (due) this.#jobs.unshift(due);
        await delay(20);
        continue;
      }
      const answer = await this.#attempt('GET', `/orchestrate/status/${due.jobId}`);
      if (!this.#noteJob(due.trail, answer)) this.#jobs.push({ ...due, notBefore: Date.now() + pollEveryMs });
    }
  }

  /** @returns whether there is nothing more to wait for */
  #noteJob(trail: Trail, answer: Answer | null): boolean {
    if (answer === null || answer.status >= 500) return false;
    if (answer.status !== 200) {
      trail.vanished = `its job: ${answer.status} ${refusalOf(answer.body)}`;
      return true;
    }
    const job = answer.body as JobStatusResponse;
    if (job.status === 'pending' || job.status === 'running') return false;
    const told = job.status === 'completed' ? job.result : { ...job, progress: null };
    trail.conclude(job.status, told, job.completed_at!, Date.now());
    return true;
  }

  async #lookAgain(trail: Trail, giveUp: AbortSignal): Promise<void> {
    for (const jobId of trail.jobIds) {
      const answer = await this.#untilAnswered(
        () => this.#attempt('GET', `/orchestrate/status/${jobId}`),
        giveUp,
      );
      if (answer && !this.#noteJob(trail, answer)) trail.vanished = 'its end: the job goes on';
    }
  }

  async #replay(trail: Trail, giveUp: AbortSignal): Promise<void> {
    const answer = await this.#untilAnswered(() => this.#post(trail), giveUp);
    if (!answer) return;
    if (!answer.replayed) trail.vanished = `its answer: the repeat ran anew (${answer.status})`;
    this.#note(trail, answer);
  }

  async #untilAnswered(attempt: () => Promise<Answer | null>, giveUp: AbortSignal): Promise<Answer | null> {
    while (!giveUp.aborted) {
      const answer = await attempt();
      if (answer !== null && answer.status < 500 && !repeatable.includes(answer.status)) return answer;
      await delay(retryMs);
    }
    return null;
  }

  #post({ key, kind, content }: Trail): Promise<Answer | null> {
    const bundle: BundleName = kind === 'pooled' ? 'pooled' : 'default';
    const body = {
      content,
      content_type: 'text',
      tenant_id: 'demo',
      policy_bundle: bundle,
      environment: 'dev',
      processing_mode: kind === 'sync' ? 'sync' : 'async',
    };
    return this.#attempt('POST', '/orchestrate', key, JSON.stringify(body));
  }

  /** @returns null when no answer came */
  async #attempt(method: string, route: string, key?: string, body?: string): Promise<Answer | null> {
    try {
      const response = await fetch(`${this.url}/api/v1${route}`, {
        method,
        headers: {
          'content-type': 'application/json',
          ...(key === undefined ? {} : { 'idempotency-key': key }),
        },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(attemptLimitMs),
      });
      return {
        status: response.status,
        replayed: response.headers.get('idempotency-replayed') === 'true',
        body: await response.json(),
      };
    } catch {
      return null;
    }
  }
}

function refusalOf(body: unknown): string {
  const { data } = errorResponseSchema.safeParse(body);
  return data === undefined ? 'without a canonical error' : nameOf(data);
}

function nameOf({ error_code, detail }: ErrorResponse): string {
  return detail === null ? error_code : `${error_code} (${detail})`;
}

/** Evenly mixed, the same each time; every other job is for the pool. */
function mixedKinds({ jobs, requests }: LoadShape): RequestKind[] {
  const total = jobs + requests;
  let pooled = false;
  return Array.from({ length: total }, (_, at) => {
    const syncs = (until: number) => Math.floor((until * requests) / total);
    if (syncs(at + 1) > syncs(at)) return 'sync';
    pooled = !pooled;
    return pooled ? 'pooled' : 'job';
  });
}
