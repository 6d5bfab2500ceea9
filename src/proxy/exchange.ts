import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { GatewayError } from '../contract/errors';
import { asGatewayError, CallerGone, timedOut } from './failure';
import { type RawHeaders, valuesOf, without } from './headers';
import { MeteredBody } from './metered-body';
import type { Target } from './target';

/** One request to an upstream, and how patient we are with it. */
export interface UpstreamCall {
  readonly target: Target;
  readonly method: string;
  readonly headers: RawHeaders;
  readonly body: Readable | null;
  readonly maxBodyBytes: number;
  /** Until the head of the answer is there, from the last piece of the body that left. */
  readonly timeoutMs: number;
  readonly retries: number;
  readonly followRedirects: boolean;
  /** Lower-case names of headers that no other host may see. */
  readonly confidential: readonly string[];
  readonly signal: AbortSignal;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Readable;
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const maxRedirects = 5;

/**
 * The head of the answer, its body to come. Asked for again only where that cannot do anything twice, and nothing of the
 * body was sent: a request that has one is sent once.
 * @throws GatewayError, or CallerGone
 */
export async function exchange(dispatcher: Dispatcher, call: UpstreamCall): Promise<UpstreamAnswer> {
  const tries = call.body === null && idempotent.has(call.method) ? call.retries + 1 : 1;
  for (let attempt = 1; ; attempt++) {
    try {
      return await redirected(dispatcher, call);
    } catch (error) {
      const failure = call.signal.aborted ? new CallerGone() : asGatewayError(error);
      if (attempt >= tries || !isWorthAnotherTry(failure)) throw failure;
      await delay(backoffMs(attempt - 1), undefined, { signal: call.signal }).catch(() => {
        throw new CallerGone();
      });
    }
  }
}

function isWorthAnotherTry(error: GatewayError | CallerGone): boolean {
  return (
    error instanceof GatewayError && error.code.startsWith('UPSTREAM_') && error.options.details === undefined
  );
}

/** 0.1 s, doubled each time, and some of it by chance; 2 s at most. */
function backoffMs(retry: number): number {
  return Math.min(2000, 100 * 2 ** retry * (1 + Math.random() / 2));
}

/** Follows redirects of what can be asked again, where that is wanted. Each goes through the rules of outbound targets. */
async function redirected(dispatcher: Dispatcher, call: UpstreamCall): Promise<UpstreamAnswer> {
  let { target, headers } = call;
  for (let hop = 0; ; hop++) {
    const answer = await once(dispatcher, { ...call, target, headers });
    const next = call.followRedirects && hop < maxRedirects ? redirectOf(answer, call, target) : null;
    if (!next) return answer;
    answer.body.on('error', () => undefined).destroy();
    if (next.origin !== target.origin) {
      headers = without(headers, (name) => call.confidential.includes(name));
    }
    target = next;
  }
}

function redirectOf(answer: UpstreamAnswer, call: UpstreamCall, from: Target): Target | null {
  if (![301, 302, 303, 307, 308].includes(answer.status)) return null;
  if (call.body !== null || !['GET', 'HEAD'].includes(call.method)) return null;
  const [location] = valuesOf(answer.headers, 'location');
  if (location === undefined || !URL.canParse(location, `${from.origin}${from.path}`)) return null;
  const url = new URL(location, `${from.origin}${from.path}`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  return { origin: url.origin, path: `${url.pathname}${url.search}` };
}

async function once(dispatcher: Dispatcher, call: UpstreamCall): Promise<UpstreamAnswer> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(timedOut()), call.timeoutMs);
  const body = call.body && new MeteredBody(call.maxBodyBytes, () => timer.refresh());
  // What goes wrong with it is told by the request that carries it.
  if (body)
    call.body
      .on('error', (error) => body.destroy(error))
      .pipe(body)
      .on('error', () => undefined);
  try {
    const response = await dispatcher.request({
      origin: call.target.origin,
      path: call.target.path,
      method: call.method,
      headers: [...call.headers],
      body,
      signal: AbortSignal.any([call.signal, patience.signal]),
      responseHeaders: 'raw',
    });
    return {
      status: response.statusCode,
      headers: response.headers as unknown as RawHeaders,
      body: response.body,
    };
  } catch (error) {
    if (patience.signal.aborted && !call.signal.aborted) throw patience.signal.reason as Error;
    throw body?.errored ?? error;
  } finally {
    clearTimeout(timer);
  }
}
