import { ConclaveError } from '../contract/errors';

interface Waiting {
  readonly enter: () => void;
  readonly turnAway: (error: ConclaveError) => void;
}

const retryAfterSeconds = 5;

/**
 * Lets in so much work at a time, of each tenant one piece, and of those who wait each tenant in turn. So nobody waits for
 * more than one piece of every other tenant, however much one of them sends.
 */
export class FairTurns {
  readonly #inside = new Set<string>();
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(private readonly limits = { atOnce: 2, waiting: 16, waitingOfOne: 4 }) {}

  /** @throws ConclaveError RATE_LIMITED `overloaded` when too many wait */
  async take<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    if (this.#inside.size < this.limits.atOnce && !this.#inside.has(tenant)) this.#inside.add(tenant);
    else await this.#wait(tenant);
    try {
      return await work();
    } finally {
      this.#inside.delete(tenant);
      this.#letIn();
    }
  }

  async #wait(tenant: string): Promise<void> {
    const own = this.#waiting.get(tenant) ?? [];
    if (own.length >= this.limits.waitingOfOne) throw overloaded();
    if (this.#length >= this.limits.waiting) this.#makeRoomFor(own.length + 1);
    await new Promise<void>((enter, turnAway) => {
      own.push({ enter, turnAway });
      this.#waiting.set(tenant, own);
    });
  }

  get #length(): number {
    return [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Who has most waiting loses what came last. */
  #makeRoomFor(length: number): void {
    const longest = [...this.#waiting.values()].reduce((a, b) => (b.length > a.length ? b : a));
    if (longest.length <= length) throw overloaded();
    longest.pop()!.turnAway(overloaded());
  }

  #letIn(): void {
    for (const [tenant, own] of this.#waiting) {
      if (this.#inside.size >= this.limits.atOnce) return;
      if (this.#inside.has(tenant)) continue;
      this.#waiting.delete(tenant);
      const next = own.shift()!;
      // Behind the others.
      if (own.length > 0) this.#waiting.set(tenant, own);
      this.#inside.add(tenant);
      next.enter();
    }
  }
}

function overloaded(): ConclaveError {
  return new ConclaveError('RATE_LIMITED', 'too many policies are being checked already; try again', {
    detail: 'overloaded',
    retryAfterSeconds,
  });
}
