import { type Dispatcher, request } from 'undici';
import type { OutboundAuth, TlsReferences } from '../contract/outbound-auth';
import type { AuthHeaders } from '../outbound/credentials';
import { CredentialsError } from '../outbound/credentials-error';
import type { Outbound } from '../outbound/outbound';
import { OutboundRefused } from '../outbound/target-rules';
import { unlessAborted } from '../outbound/unless-aborted';
import { DetectorCallError } from './call-error';
import { CredentialVerdicts } from './credential-verdicts';

const maxAnswerBytes = 4 * 1024 * 1024;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Who is called, and who we are there. A DetectorRequest is one. */
export interface CalledDetector {
  readonly detector: string;
  readonly call: OutboundAuth;
}

/** Headers that a signature over the whole call makes of it; secrets are followed by reference. */
export type Sign = (
  call: { readonly url: string; readonly body: string },
  secret: (reference: string) => Promise<string>,
) => Promise<Readonly<Record<string, string>>>;

export interface JsonCall {
  readonly called: CalledDetector;
  readonly url: string;
  readonly method?: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly sign?: Sign;
  readonly signal: AbortSignal;
}

/** HTTP to detectors: pooled, bounded, authenticated, without redirects; every fault is a typed one. */
export class DetectorHttpClient {
  readonly credentials = new CredentialVerdicts();

  constructor(private readonly outbound: Pick<Outbound, 'pools' | 'credentials'>) {}

  /**
   * @returns the parsed JSON of a 200 answer
   * @throws DetectorCallError for anything else; the signal's abort is thrown as it is
   */
  async post(call: JsonCall): Promise<unknown> {
    const response = await this.#authenticated(call).catch((error: unknown) => {
      throw asCallError(error, call.signal);
    });
    this.credentials.note(call.url, response.statusCode);
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
  async probe(url: string, called: CalledDetector, timeoutMs: number): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const headers = await this.outbound.credentials.headersFor(called.call);
      const dispatcher = this.#dispatcherFor(called, 'probe');
      const response = await request(url, { method: 'GET', headers, signal, dispatcher });
      await response.body.dump({ limit: 64 * 1024, signal });
      this.credentials.note(url, response.statusCode);
      return response.statusCode >= 200 && response.statusCode < 300;
    } catch (error) {
      // Those that cannot be had are as good as refused.
      if (error instanceof CredentialsError) this.credentials.note(url, 401);
      return false;
    }
  }

  /** One more try after a 401, where there are other credentials than those that were refused. */
  async #authenticated(call: JsonCall): Promise<Dispatcher.ResponseData> {
    const { credentials } = this.outbound;
    const { signal } = call;
    const auth = call.called.call;
    const shown = await unlessAborted(credentials.headersFor(auth), signal);
    const response = await this.#send(call, shown);
    if (response.statusCode !== 401 || auth.auth_type === 'none') return response;
    const others = await unlessAborted(credentials.renewed(auth, shown), signal).catch(() => null);
    if (!others) return response;
    await response.body.dump({ limit: 64 * 1024, signal });
    return this.#send(call, others);
  }

  async #send(call: JsonCall, credentials: AuthHeaders): Promise<Dispatcher.ResponseData> {
    const body = JSON.stringify(call.body);
    return request(call.url, {
      method: call.method ?? 'POST',
      headers: {
        ...without(call.headers, credentials),
        ...credentials,
        ...(await this.#signature(call, body)),
        'content-type': 'application/json',
        accept: 'application/json',
      },
      body,
      signal: call.signal,
      dispatcher: this.#dispatcherFor(call.called, 'call'),
    });
  }

  async #signature({ url, sign, signal }: JsonCall, body: string): Promise<AuthHeaders> {
    if (!sign) return {};
    const { credentials } = this.outbound;
    return unlessAborted(
      sign({ url, body }, (reference) => credentials.secret(reference)),
      signal,
    );
  }

  /** Budgets come from the plan, through the signal; the pool's own times only bound what has none. */
  #dispatcherFor({ detector, call }: CalledDetector, use: 'call' | 'probe'): Dispatcher {
    const tls = call.auth_config['tls'] as TlsReferences | undefined;
    // Probes have connections of their own: they neither wait for calls nor make them wait.
    return this.outbound.pools.dispatcherFor({ id: `${use} ${detector}`, tls, maxAnswerBytes });
  }
}

/** Names of headers are the same in any case. */
function without(headers: Readonly<Record<string, string>>, others: AuthHeaders): Record<string, string> {
  const taken = new Set(Object.keys(others).map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !taken.has(name.toLowerCase())));
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
  if (error instanceof CredentialsError) return credentialsMissing(error);
  if (error instanceof OutboundRefused) {
    // No outage of the detector: it is we who may not call it.
    return new DetectorCallError('network_error', error.message, {
      retryable: false,
      failureCause: 'bad_request',
    });
  }
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

/** The same to whoever asked as credentials that were refused; which reference it was is for the operator. */
function credentialsMissing({ retryable }: CredentialsError): DetectorCallError {
  return new DetectorCallError('http_4xx', 'the credentials for the detector cannot be had', {
    retryable,
    status: 401,
  });
}
