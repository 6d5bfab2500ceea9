import { createHash } from 'node:crypto';

/** A sync request, a job of the default bundle, or a job whose detectors only the worker calls. */
export type RequestKind = 'sync' | 'job' | 'pooled';

interface Outcome {
  readonly status: 'completed' | 'failed' | 'cancelled';
  /** Of everything the caller is told; a replay may change none of it. */
  readonly digest: string;
  /** By the server's clock (epoch ms), and when the caller had it. */
  readonly madeAt: number;
  readonly seenAt: number;
}

/** One Idempotency-Key and all that its caller was ever told under it. */
export class Trail {
  readonly jobIds = new Set<string>();
  readonly outcomes: Outcome[] = [];
  /** Answers that no repeat can mend, and that nobody should get. */
  readonly refusals: string[] = [];
  /** What had been accepted was not there any more. */
  vanished: string | null = null;
  accepted = false;

  constructor(
    readonly key: string,
    readonly kind: RequestKind,
    readonly content: string,
  ) {}

  get ended(): boolean {
    return this.outcomes.length > 0;
  }

  get failed(): boolean {
    return this.outcomes.some(({ status }) => status !== 'completed');
  }

  get lost(): boolean {
    return this.accepted && (!this.ended || this.vanished !== null);
  }

  get contradictory(): boolean {
    const digests = new Set(this.outcomes.map(({ digest }) => digest));
    return digests.size > 1 || this.jobIds.size > 1 || (this.accepted && this.refusals.length > 0);
  }

  conclude(status: Outcome['status'], told: unknown, madeAt: string, seenAt: number): void {
    this.accepted = true;
    this.outcomes.push({ status, digest: digestOf(told), madeAt: Date.parse(madeAt), seenAt });
  }
}

export interface Tally {
  readonly sent: number;
  readonly accepted: number;
  readonly answered: number;
  /** Jobs that ended, but not well: their detectors were away. */
  readonly failed: number;
  readonly unanswered: number;
  readonly lost: number;
  readonly contradictory: number;
}

export function tallyOf(trails: readonly Trail[]): Tally {
  const count = (which: (trail: Trail) => boolean): number => trails.filter(which).length;
  return {
    sent: trails.length,
    accepted: count(({ accepted }) => accepted),
    answered: count(({ ended }) => ended),
    failed: count(({ failed }) => failed),
    unanswered: count(({ accepted, ended }) => !accepted && !ended),
    lost: count(({ lost }) => lost),
    contradictory: count(({ contradictory }) => contradictory),
  };
}

/**
 * Milliseconds from `mendedAt` to the first result that was made after it.
 * @returns null when there was none
 */
export function firstResultAfter(trails: readonly Trail[], mendedAt: number): number | null {
  const delays = trails.flatMap(({ jobIds, outcomes }) =>
    outcomes
      .slice(0, 1)
      .filter(({ madeAt }) => madeAt >= mendedAt)
      // A caller looks after its job now and then; what counts is when it was done.
      .map(({ madeAt, seenAt }) => (jobIds.size === 0 ? seenAt : madeAt) - mendedAt),
  );
  return delays.length === 0 ? null : Math.min(...delays);
}

/** The longest time in which nobody was served, of those who asked all the while (ms). */
export function longestGap(from: number, served: readonly number[]): number {
  let last = from;
  let longest = 0;
  for (const at of served.toSorted((a, b) => a - b)) {
    longest = Math.max(longest, at - last);
    last = at;
  }
  return longest;
}

function digestOf(told: unknown): string {
  return createHash('sha256').update(JSON.stringify(told, sortedKeys)).digest('hex');
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
