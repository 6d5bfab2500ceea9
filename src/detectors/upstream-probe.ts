import { type Dispatcher, request } from 'undici';
import type { CheckResult } from '../contract/endpoint-health';
import type { HealthCheck, Upstream } from '../contract/upstream';
import type { TlsReferences } from '../contract/outbound-auth';
import type { Trial } from '../contract/routes-api';
import { isAmong } from '../domain/http-status';
import { valueAt } from '../domain/json-pointer';
import { ownAuth } from '../domain/own-auth';
import { CredentialsError } from '../outbound/credentials-error';
import type { OutboundTarget } from '../outbound/dispatcher-pools';
import type { Outbound } from '../outbound/outbound';
import { OutboundRefused } from '../outbound/target-rules';
import { unlessAborted } from '../outbound/unless-aborted';
import { healthPathOf } from './health-probe';
import type { CredentialVerdicts } from './credential-verdicts';

const redirects = 5;
const mostBodyBytes = 256 * 1024;

/** Why an upstream is taken to be ill; its message holds nothing of what it answered. */
class ProbeFailure extends Error {
  override readonly name = 'ProbeFailure';
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

interface Probed extends CheckResult {
  /** Null: it gave no answer, or was not asked over HTTP. */
  readonly status: number | null;
}

/** So long somebody waits for a trial. */
const trialMs = 10_000;

/** Asks upstreams how they are (spec/gateway.md 2.2): over connections of its own, so that it slows no call. */
export class HealthProbe {
  constructor(
    private readonly outbound: Pick<Outbound, 'pools' | 'credentials'>,
    private readonly detectorTimeoutMs: number,
    /** What upstreams say of our credentials. */
    private readonly verdicts: Pick<CredentialVerdicts, 'note'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  readonly probe = async (upstream: Upstream, stopping: AbortSignal): Promise<CheckResult> => {
    const { ok, response_ms, error } = await this.#probe(upstream, stopping, Infinity);
    return { ok, response_ms, error };
  };

  /** Asks one now, for whoever waits for it; neither its health nor its breaker learns of it. */
  readonly tryOut = async (upstream: Upstream): Promise<Trial> => {
    const { ok, response_ms, error, status } = await this.#probe(
      upstream,
      new AbortController().signal,
      trialMs,
    );
    return { status_code: status, response_time: (response_ms ?? 0) / 1000, success: ok, error };
  };

  async #probe(upstream: Upstream, stopping: AbortSignal, mostMs: number): Promise<Probed> {
    const { kind, health_check } = upstream.config;
    const ownMs = kind === 'detector' ? this.detectorTimeoutMs : health_check.timeout * 1000;
    const timeoutMs = Math.min(ownMs, mostMs);
    const startedAt = this.now();
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]);
    const target = targetOf(upstream);
    if (target === null) return { ok: true, response_ms: null, error: null, status: null };
    try {
      const asking =
        health_check.type === 'tcp'
          ? this.#knock(upstream, target, timeoutMs)
          : this.#ask(upstream, target, signal);
      const status = await unlessAborted(asking, signal);
      return { ok: true, response_ms: Math.round(this.now() - startedAt), error: null, status };
    } catch (error) {
      // Those that cannot be had are as good as refused.
      if (error instanceof CredentialsError) this.verdicts.note(target.href, 401);
      const took = Math.round(this.now() - startedAt);
      const status = error instanceof ProbeFailure ? error.status : null;
      return { ok: false, response_ms: took, error: reasonOf(error, signal, timeoutMs), status };
    }
  }

  async #knock(upstream: Upstream, target: URL, connectTimeoutMs: number): Promise<null> {
    await this.outbound.pools.knock(target, { ...connectionTo(upstream), connectTimeoutMs });
    return null;
  }

  /** @returns the status of an answer that is as expected */
  async #ask(upstream: Upstream, target: URL, signal: AbortSignal): Promise<number> {
    const { health_check: check } = upstream.config;
    const credentials = await this.outbound.credentials.headersFor(
      upstream.detector ?? ownAuth(upstream.config),
    );
    const dispatcher = this.outbound.pools.dispatcherFor(connectionTo(upstream));
    let url = target;
    for (let hop = 0; ; hop++) {
      const response = await request(url, {
        method: methodOf(check),
        headers: { ...check.headers, ...credentials },
        signal,
        dispatcher,
        ...(check.body !== undefined && methodOf(check) === 'POST' ? { body: check.body } : {}),
      });
      this.verdicts.note(url.href, response.statusCode);
      const next = redirectOf(response, url);
      if (next === null || hop === redirects) return judged(response, upstream);
      await response.body.dump({ limit: mostBodyBytes, signal });
      url = next;
    }
  }
}

/** Probes neither wait for calls nor make them wait. */
function connectionTo({ endpoint_id, config, detector }: Upstream): OutboundTarget {
  const { auth_config } = detector ?? config;
  return {
    id: `check ${endpoint_id}`,
    tls: auth_config['tls'] as TlsReferences | undefined,
    allowPrivateNetwork: config.allow_private_network,
    connections: 2,
  };
}

/**
 * Its health path or url, else the upstream's own address.
 * @returns null for a detector that has no way to say how it is: then its answers alone tell
 */
function targetOf({ config, detector }: Upstream): URL | null {
  if (detector) {
    const path = healthPathOf(detector);
    return path === null ? null : new URL(path, detector.endpoint);
  }
  const { url, path = config.health_check_path } = config.health_check;
  return new URL(path ?? '', url ?? config.url);
}

/** `custom` is what its settings make of it: a POST when it has a body. */
function methodOf({ type, body }: HealthCheck): 'GET' | 'HEAD' | 'POST' {
  if (type === 'http_head') return 'HEAD';
  return type === 'http_post' || (type === 'custom' && body !== undefined) ? 'POST' : 'GET';
}

/** Only on the same host. */
function redirectOf(
  { statusCode, headers }: Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'>,
  from: URL,
): URL | null {
  const { location } = headers;
  if (statusCode < 300 || statusCode >= 400 || typeof location !== 'string') return null;
  if (!URL.canParse(location, from.href)) return null;
  const to = new URL(location, from);
  return to.host === from.host && /^https?:$/.test(to.protocol) ? to : null;
}

/** @throws ProbeFailure */
async function judged(response: Dispatcher.ResponseData, { config, detector }: Upstream): Promise<number> {
  const expected = detector ? ['2xx'] : config.health_check.expected_status;
  const body = await textOf(response);
  const { statusCode: status } = response;
  if (!isAmong(status, expected)) throw new ProbeFailure(`it answered ${status}`, status);
  const { expected_body: wanted } = config.health_check;
  if (wanted !== undefined && !isBody(body, wanted))
    throw new ProbeFailure('the answer is not as expected', status);
  return status;
}

/** The beginning of a body; a long one is cut, not refused. */
async function textOf({ body }: Dispatcher.ResponseData): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length >= mostBodyBytes) break;
  }
  return Buffer.concat(pieces).subarray(0, mostBodyBytes).toString('utf8');
}

function isBody(body: string, wanted: NonNullable<HealthCheck['expected_body']>): boolean {
  if (typeof wanted !== 'string')
    return JSON.stringify(valueAt(parsed(body), wanted.pointer)) === JSON.stringify(wanted.value);
  const [, pattern] = /^\/(.+)\/$/s.exec(wanted) ?? [];
  return pattern === undefined ? body.includes(wanted) : new RegExp(pattern).test(body);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (error instanceof ProbeFailure) return error.message;
  if (signal.aborted) return `no answer within ${timeoutMs} ms`;
  if (error instanceof CredentialsError) return 'its credentials cannot be had';
  if (error instanceof OutboundRefused) return 'its address is not allowed';
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? `no answer (${code})` : 'no answer';
}
