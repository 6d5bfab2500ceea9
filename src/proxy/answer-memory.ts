import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { CircuitBreaker } from '../contract/upstream';
import { type RawHeaders, valuesOf, without } from './headers';

/** What makes two requests the same, and their callers. */
export interface Question {
  readonly endpointId: string;
  readonly method: string;
  /** Path and query in the upstream. */
  readonly path: string;
  readonly tenantId: string;
  readonly headers: RawHeaders;
}

export interface RememberedAnswer {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Buffer;
  readonly ageSeconds: number;
}

interface Kept extends Omit<RememberedAnswer, 'ageSeconds'> {
  readonly at: number;
  /** Values of the request's headers by which the answer was chosen. */
  readonly varied: readonly (readonly [name: string, value: string])[];
}

const credentials = ['authorization', 'x-api-key', 'cookie', 'x-gateway-authorization', 'x-gateway-key'];

/** The last good answers of upstreams, for the time when they have none (spec/gateway.md 6, cached_response). */
export class AnswerMemory {
  readonly #byEndpoint = new Map<string, LRUCache<string, Kept>>();

  constructor(private readonly now: () => number = Date.now) {}

  /** Whether an answer with this head may be shown again to the same caller. */
  keeps(question: Question, breaker: CircuitBreaker, status: number, headers: RawHeaders): boolean {
    if (breaker.fallback_strategy !== 'cached_response' || breaker.cache_ttl === 0) return false;
    if (question.method !== 'GET' && question.method !== 'HEAD') return false;
    if (status < 200 || status > 299 || status === 206) return false;
    const control = valuesOf(headers, 'cache-control').join(',').toLowerCase();
    if (/\b(no-store|private)\b/.test(control)) return false;
    const [length] = valuesOf(headers, 'content-length');
    if (question.method === 'GET' && Number(length ?? 0) > breaker.cache_max_bytes) return false;
    return !valuesOf(headers, 'vary').join(',').includes('*');
  }

  keep(question: Question, breaker: CircuitBreaker, answer: Pick<Kept, 'status' | 'headers' | 'body'>): void {
    const names = valuesOf(answer.headers, 'vary').flatMap((value) =>
      value.split(',').map((name) => name.trim().toLowerCase()),
    );
    this.#of(question.endpointId, breaker).set(
      keyOf(question),
      {
        ...answer,
        // A cookie is made for one moment.
        headers: without(answer.headers, (name) => name === 'set-cookie'),
        at: this.now(),
        varied: names.map((name) => [name, valuesOf(question.headers, name).join(',')]),
      },
      { ttl: breaker.cache_ttl * 1000 },
    );
  }

  recall(question: Question): RememberedAnswer | null {
    const kept = this.#byEndpoint.get(question.endpointId)?.get(keyOf(question));
    if (!kept?.varied.every(([name, value]) => valuesOf(question.headers, name).join(',') === value))
      return null;
    const { status, headers, body, at } = kept;
    return { status, headers, body, ageSeconds: Math.floor((this.now() - at) / 1000) };
  }

  forget(endpointIds: readonly string[]): void {
    for (const endpointId of endpointIds) this.#byEndpoint.delete(endpointId);
  }

  #of(endpointId: string, { cache_max_entries: max }: CircuitBreaker): LRUCache<string, Kept> {
    const known = this.#byEndpoint.get(endpointId);
    if (known?.max === max) return known;
    const fresh = new LRUCache<string, Kept>({
      max,
      ttl: 1,
      ttlResolution: 0,
      perf: { now: () => this.now() + 1 },
    });
    this.#byEndpoint.set(endpointId, fresh);
    return fresh;
  }
}

/** Of digests, so that no credential stays in memory for it. */
function keyOf({ method, path, tenantId, headers }: Question): string {
  const shown = credentials.map((name) => valuesOf(headers, name));
  return createHash('sha256')
    .update(JSON.stringify([method, path, tenantId, shown]))
    .digest('base64');
}
