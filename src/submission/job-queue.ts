import type { Priority } from '../contract/enums';
import { hasRoom, neverTurnedAway, nextRate, retryAfterSeconds } from '../domain/admission';

export interface JobQueueDependencies {
  /** Jobs that have not begun, by tenant, of all processes. */
  readonly waiting: () => Promise<ReadonlyMap<string, number>>;
  readonly settings: { readonly max_queued_jobs: number; readonly async_request_sla_ms: number };
  readonly now: () => number;
}

/** Jobs a second, until that is measured. */
const perSecondAtFirst = 30;
/** Of the time that a job has, how much it may spend in the queue; callers who asked for a job get in longer. */
const waitShare = { asked: 0.8, converted: 0.5 } as const;
/** Making a job is dear, and those who are answered at once should not suffer for those who are not. */
const conversionsAtOnce = 2;
const lookMs = 1000;
/** What was seen longer ago is no longer so. */
const staleMs = 5000;

export type JobReason = keyof typeof waitShare;

/** The queue of jobs in Temporal, as the store and the other processes tell of it: how long it is, how fast it moves. */
export class JobQueue {
  #seen: ReadonlyMap<string, number> = new Map();
  #added = new Map<string, number>();
  #perSecond = perSecondAtFirst;
  #lookedAt = -Infinity;
  #looking = false;
  #finished = 0;
  #turnedAway = 0;
  #converting = 0;

  constructor(private readonly deps: JobQueueDependencies) {}

  /** Jobs a second, as measured. */
  get perSecond(): number {
    return this.#perSecond;
  }

  get length(): number {
    return sum(this.#seen) + sum(this.#added);
  }

  hasRoom(tenantId: string, priority: Priority, reason: JobReason): boolean {
    this.#look();
    if (reason === 'converted' && this.#converting >= conversionsAtOnce) return false;
    const { max_queued_jobs: cap, async_request_sla_ms: slaMs } = this.deps.settings;
    const ofTenant = (this.#seen.get(tenantId) ?? 0) + (this.#added.get(tenantId) ?? 0);
    const line = { ahead: this.length, ofTenant, perSecond: this.#perSecond, cap };
    return hasRoom(line, priority, waitShare[reason] * slaMs);
  }

  /** @returns to be called when the job is in the queue, or did not get there */
  enter(tenantId: string, reason: JobReason): () => void {
    this.#added.set(tenantId, (this.#added.get(tenantId) ?? 0) + 1);
    if (reason === 'asked') return () => undefined;
    this.#converting++;
    let entering = true;
    return () => {
      if (entering) this.#converting--;
      entering = false;
    };
  }

  turnAway(): void {
    this.#turnedAway++;
  }

  /** A job of whatever process has ended. */
  finished(): void {
    this.#finished++;
  }

  /** Seconds after which all who stand before the door could have been served. */
  retryAfterSeconds(): number {
    return retryAfterSeconds(this.length + this.#turnedAway, this.#perSecond);
  }

  /** Looks again when the last look is a while ago; who asks now goes by what was known before. */
  #look(): void {
    const ms = this.deps.now() - this.#lookedAt;
    if (ms > staleMs) this.#seen = new Map();
    if (this.#looking || ms < lookMs) return;
    this.#looking = true;
    const before = this.length;
    const added = this.#added;
    this.#added = new Map();
    this.deps
      .waiting()
      .then((seen) => {
        this.#seen = seen;
        this.#learn(before);
      })
      .catch(() => {
        for (const [tenantId, count] of added)
          this.#added.set(tenantId, count + (this.#added.get(tenantId) ?? 0));
      })
      .finally(() => (this.#looking = false));
  }

  #learn(before: number): void {
    const now = this.deps.now();
    const ms = now - this.#lookedAt;
    if (ms <= staleMs) {
      this.#perSecond = nextRate(this.#perSecond, {
        ms,
        // Not every job's end is told: those of batches share runs.
        served: Math.max(this.#finished, before - sum(this.#seen)),
        pressed: Math.min(before, sum(this.#seen)) > neverTurnedAway,
        turnedAway: this.#turnedAway > 0,
      });
    }
    this.#lookedAt = now;
    this.#finished = 0;
    this.#turnedAway = 0;
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
