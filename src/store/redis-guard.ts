import type { RedisClientType } from 'redis';
import type { RedisUser } from '../contract/service-metrics';

/** Redis is away, or silent: go on without it. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';
}

/** Long for Redis, so that a busy machine is not taken for a silent one; short for who waits. */
const patienceMs = 100;
const toleratedFailures = 1;
const pauseMs = 1000;

/**
 * Keeps a Redis that is dead or silent from costing requests time: after two failures in a row nothing is asked of it
 * until it has answered a ping, tried every second beside all requests. A client without a connection fails at once.
 */
export class RedisGuard {
  #failures = 0;
  #away = false;
  #probe: NodeJS.Timeout | null = null;

  constructor(
    private readonly client: Pick<RedisClientType, 'ping'>,
    private readonly times = { patienceMs, pauseMs },
    /** Told who goes on without Redis. */
    private readonly wentWithout: (user: RedisUser) => void = () => undefined,
  ) {}

  get isAway(): boolean {
    return this.#away;
  }

  /** @throws RedisAwayError at once while Redis is known to be away, else when the command fails or takes too long */
  async ask<T>(user: RedisUser, command: () => Promise<T>): Promise<T> {
    try {
      return await this.#ask(command);
    } catch (error) {
      this.wentWithout(user);
      throw error;
    }
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    if (this.#away) throw new RedisAwayError('Redis has not come back yet');
    try {
      const reply = await inTime(command(), this.times.patienceMs);
      this.#failures = 0;
      return reply;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures > toleratedFailures) this.#pause();
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
        () => {
          this.#failures = 0;
          this.#away = false;
        },
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
