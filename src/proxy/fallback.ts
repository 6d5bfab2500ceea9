import { GatewayError } from '../contract/errors';
import type { Upstream } from '../contract/upstream';
import type { AnswerMemory, Question, RememberedAnswer } from './answer-memory';

type Strategy = Upstream['config']['circuit_breaker']['fallback_strategy'];

/** What is answered in the upstream's place. */
export interface StandIn {
  readonly strategy: Strategy;
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

interface Refused {
  readonly upstream: Upstream;
  readonly question: Question;
  readonly rest: string;
  readonly query: string;
  readonly retryAfterSeconds: number;
}

/**
 * While the breaker is open (spec/gateway.md 6).
 * @returns null where the strategy has nothing but the error
 */
export function standIn(refused: Refused, memory: AnswerMemory): StandIn | null {
  const { config, endpoint_id } = refused.upstream;
  const { fallback_strategy, fallback_status, fallback_response, redirect_url } = config.circuit_breaker;
  switch (fallback_strategy) {
    case 'error_response':
      return null;
    case 'cached_response': {
      const remembered = memory.recall(refused.question);
      return remembered ? fromMemory(remembered) : null;
    }
    case 'default_response':
      return inJson(
        fallback_status,
        fallback_response ?? {
          message: `${endpoint_id} is not available`,
          endpoint_id,
          timestamp: new Date().toISOString(),
        },
        fallback_strategy,
      );
    case 'redirect': {
      const headers = ['Location', elsewhere(redirect_url!, refused.rest, refused.query)];
      return {
        strategy: fallback_strategy,
        status: 307,
        headers: [...headers, ...marks(fallback_strategy)],
        body: Buffer.alloc(0),
      };
    }
  }
}

export function circuitOpen({ upstream, retryAfterSeconds }: Refused): GatewayError {
  return new GatewayError('CIRCUIT_OPEN', `the circuit breaker of ${upstream.endpoint_id} is open`, {
    retryAfterSeconds,
    headers: { 'X-Circuit-Breaker': 'fallback', 'X-Fallback-Strategy': 'error_response' },
  });
}

function fromMemory({ status, headers, body, ageSeconds }: RememberedAnswer): StandIn {
  const own = ['Age', String(ageSeconds), 'X-Cache', 'fallback', ...marks('cached_response')];
  return { strategy: 'cached_response', status, headers: [...headers, ...own], body };
}

function inJson(status: number, value: unknown, strategy: Strategy): StandIn {
  const body = Buffer.from(JSON.stringify(value));
  // A 204 or 304 has no body.
  if (status === 204 || status === 304)
    return { strategy, status, headers: marks(strategy), body: Buffer.alloc(0) };
  const headers = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(body.length)];
  return { strategy, status, headers: [...headers, ...marks(strategy)], body };
}

function elsewhere(redirectUrl: string, rest: string, query: string): string {
  const url = new URL(redirectUrl);
  const search = [url.search.slice(1), query].filter((part) => part !== '').join('&');
  return `${url.origin}${url.pathname.replace(/\/$/, '')}${rest}${search === '' ? '' : `?${search}`}`;
}

function marks(strategy: Strategy): string[] {
  return ['X-Circuit-Breaker', 'fallback', 'X-Fallback-Strategy', strategy];
}
