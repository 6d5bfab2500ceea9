import { isIPv6 } from 'node:net';
import { decodeJwt } from 'jose';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { ConclaveError, GatewayError } from '../contract/errors';
import { isApiKey, keyIdIn } from './api-key';
import { RefusedCredential } from './refused-credential';

export interface AttemptSettings {
  readonly max: number;
  readonly window_seconds: number;
  readonly block_seconds: number;
}

interface From {
  readonly address: string;
  readonly paths: 'orchestration' | 'gateway';
}

/**
 * Counts guesses by address and by whom they name. Whoever guesses too often learns nothing more for a while; whoever has
 * a credential that is good is let in all the same, since others may stand behind the same address, or use his name.
 */
export class AttemptLimit {
  readonly #failures: RateLimiterMemory;

  constructor({ max, window_seconds, block_seconds }: AttemptSettings) {
    this.#failures = new RateLimiterMemory({
      points: max,
      duration: window_seconds,
      blockDuration: block_seconds,
    });
  }

  /**
   * @param credential what is shown, to count by whom it names
   * @throws ConclaveError or GatewayError when there were too many; what the attempt throws
   */
  async guard<T>(from: From, credential: string | undefined, attempt: () => Promise<T>): Promise<T> {
    const address = `address/${networkOf(from.address)}`;
    try {
      const result = await attempt();
      await this.#failures.delete(address);
      return result;
    } catch (error) {
      if (isGuess(error)) await this.#count(from, [address, ...nameIn(credential)]);
      throw error;
    }
  }

  async #count(from: From, keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#failures.consume(key).catch(() => undefined);
    const blocked = await Promise.all(keys.map((key) => this.#blockedMs(key)));
    const longest = Math.max(...blocked);
    if (longest > 0) throw tooMany(from, longest);
  }

  async #blockedMs(key: string): Promise<number> {
    const state = await this.#failures.get(key);
    return state !== null && state.consumedPoints > this.#failures.points ? state.msBeforeNext : 0;
  }
}

function isGuess(error: unknown): boolean {
  return error instanceof RefusedCredential && error.isGuess;
}

/** Not believed: only to count by. */
function nameIn(credential: string | undefined): string[] {
  if (credential === undefined) return [];
  if (isApiKey(credential)) return [`key/${keyIdIn(credential)}`];
  try {
    const { sub } = decodeJwt(credential);
    return typeof sub === 'string' ? [`subject/${sub.slice(0, 100)}`] : [];
  } catch {
    return [];
  }
}

/** Of IPv6 everybody has 2^64 addresses. */
function networkOf(address: string): string {
  const at = isIPv6(address) ? address.replace(/%.*$/, '') : '';
  if (at === '' || at.includes('.')) return address.replace(/^::ffff:/i, '');
  const [head = '', tail] = at.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const left = [...head];
  const gap = tail === undefined ? [] : Array<string>(8 - left.length - tail.length).fill('0');
  return [...left, ...gap, ...(tail ?? [])]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16))
    .join(':');
}

function tooMany({ paths }: From, ms: number): ConclaveError | GatewayError {
  const message = 'too many credentials were wrong; try again later';
  const retryAfterSeconds = Math.max(1, Math.ceil(ms / 1000));
  return paths === 'gateway'
    ? new GatewayError('AUTH_RATE_LIMITED', message, { retryAfterSeconds })
    : new ConclaveError('RATE_LIMITED', message, { detail: 'auth_attempts', retryAfterSeconds });
}
