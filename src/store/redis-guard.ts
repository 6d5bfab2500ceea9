import type { RedisClientType } from 'redis';

/** Redis is away, or silent: go on without it. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';
}

const patienceMs = 25;
const pauseMs = 1000;

/**
 * Keeps a Redis that is dead or silent from costing requests time: after a failure or 25 ms without an answer nothing is
 * asked of it until it has answered a ping, tried every second beside all requests.
 */
export class RedisGuard {
  #away = false;
  #probe: NodeJS.Timeout | null = null;

  constructor(
    private readonly client: Pick<RedisClientType, 'ping'>,
    private readonly times = { patienceMs, pauseMs },
  ) {}

  /** @throws RedisAwayError at once while Redis is known to be away, else when the command fails or takes too long */
  async ask<T>(command: () => Promise<T>): Promise<T> {
    if (this.#away) throw new RedisAwayError('Redis has not come back yet');
    try {
      return await inTime(command(), this.times.patienceMs);
    } catch (error) {
      this.#pause();
      throw new RedisAwayError('Redis did not answer', { cause: error });
    }
  }

  stop(): void {
    if (this.#probe) clearTimeout(this.#probe);
  }

  #pause(): void {
    if (this.#away) return;
    this.#away = true;
    this.#probeLater();
  }

  #probeLater(): void {
    this.#probe = setTimeout(() => {
      inTime(this.client.ping(), this.times.patienceMs).then(
        () => (this.#away = false),
        () => this.#probeLater(),
      );
    }, this.times.pauseMs).unref();
  }
}

/** An answer that has arrived while this process was busy counts, however late it is read. */
function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => reject(new Error(`silent for ${ms} ms`))), ms);
    const settle =
      <V>(how: (value: V) => void) =>
      (value: V) => {
        clearTimeout(timer);
        how(value);
      };
    work.then(settle(resolve), settle(reject));
  });
}
