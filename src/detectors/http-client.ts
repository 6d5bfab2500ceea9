import { Agent, request } from 'undici';
import { DetectorCallError } from './call-error';

const maxAnswerBytes = 4 * 1024 * 1024;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

export interface JsonCall {
  readonly url: string;
  readonly method?: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly signal: AbortSignal;
}

/** HTTP to detectors: pooled, bounded, without redirects; every fault is a typed one. */
export class DetectorHttpClient {
  readonly #agent = new Agent({
    connections: 256,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    // Budgets come from the plan, through the signal; these only bound what has none.
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
    connect: { timeout: 2000 },
    maxResponseSize: maxAnswerBytes,
  });

  /**
   * @returns the parsed JSON of a 200 answer
   * @throws DetectorCallError for anything else; the signal's abort is thrown as it is
   */
  async post(call: JsonCall): Promise<unknown> {
    const response = await request(call.url, {
      method: call.method ?? 'POST',
      headers: { ...call.headers, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(call.body),
      signal: call.signal,
      dispatcher: this.#agent,
    }).catch((error: unknown) => {
      throw asCallError(error, call.signal);
    });
    if (response.statusCode !== 200) {
      await response.body.dump({ limit: 64 * 1024, signal: call.signal }).catch(() => undefined);
      throw statusError(response.statusCode, response.headers['retry-after']);
    }
    const type = String(response.headers['content-type'] ?? '');
    if (!/^application\/(.+\+)?json\b/i.test(type)) {
      // Destroying it makes it emit an error, which without a listener would end the process.
      response.body.on('error', () => undefined).destroy();
      throw invalid('the answer is not JSON by its content type');
    }
    const bytes = await response.body.arrayBuffer().catch((error: unknown) => {
      throw asCallError(error, call.signal);
    });
    return parse(bytes);
  }

  /** Whether a health path answers 2xx in time. */
  async probe(url: string, headers: Readonly<Record<string, string>>, timeoutMs: number): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await request(url, { method: 'GET', headers, signal, dispatcher: this.#agent });
      await response.body.dump({ limit: 64 * 1024, signal });
      return response.statusCode >= 200 && response.statusCode < 300;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }
}

export function invalid(message: string): DetectorCallError {
  return new DetectorCallError('invalid_response', message, { retryable: false });
}

function parse(bytes: ArrayBuffer): unknown {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    throw invalid('the answer is not valid UTF-8');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalid('the answer is not valid JSON');
  }
}

function statusError(status: number, retryAfter: string | string[] | undefined): DetectorCallError {
  const message = `the detector answered ${status}`;
  if (status === 429) {
    return new DetectorCallError('overloaded', message, {
      status,
      retryable: true,
      retryAfterMs: retryAfterMs(retryAfter),
    });
  }
  if (status === 408) return new DetectorCallError('http_4xx', message, { status, retryable: true });
  if (status >= 500) {
    return new DetectorCallError('http_5xx', message, {
      status,
      retryable: true,
      retryAfterMs: retryAfterMs(retryAfter),
    });
  }
  if (status >= 400) return new DetectorCallError('http_4xx', message, { status, retryable: false });
  return invalid(message);
}

/** Seconds, or the date of HTTP. */
function retryAfterMs(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string' || header.trim() === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function asCallError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof DetectorCallError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return invalid(`the answer exceeds ${maxAnswerBytes} bytes`);
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new DetectorCallError('attempt_timeout', 'the detector did not answer in time', {
      retryable: true,
    });
  }
  const reason =
    typeof code === 'string' ? `no answer from the detector (${code})` : 'no answer from the detector';
  return new DetectorCallError('network_error', reason, { retryable: true });
}
