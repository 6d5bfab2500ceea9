import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../contract/errors';
import type { TlsReferences } from '../contract/outbound-auth';
import type { Upstream } from '../contract/upstream';
import type { CallOutcome } from '../domain/breaker';
import { ownAuth } from '../domain/own-auth';
import type { AuthHeaders } from '../outbound/credentials';
import { CredentialsError } from '../outbound/credentials-error';
import type { Outbound } from '../outbound/outbound';
import type { Breakers } from '../registry/breakers';
import type { UpstreamDirectory } from '../registry/directory';
import { AnswerMemory, type Question } from './answer-memory';
import { exchange, type UpstreamAnswer } from './exchange';
import { asGatewayError, CallerGone, isUpstreamsFault } from './failure';
import { circuitOpen, standIn } from './fallback';
import { assertMethod, assertPasses, type HealthView } from './guards';
import { type Caller, requestHeaders, responseHeaders, valuesOf } from './headers';
import { type IsRouted, matchRoute } from './match';
import { outcomeOf } from './outcome';
import { begin, relay } from './relay';
import { targetOf } from './target';

export interface ProxyDependencies {
  readonly directory: Pick<UpstreamDirectory, 'upstreams' | 'byId' | 'resolve' | 'onChange'>;
  readonly breakers: Pick<Breakers, 'admit' | 'record' | 'fellBack'>;
  readonly health: HealthView;
  readonly outbound: Pick<Outbound, 'pools' | 'credentials'>;
  readonly isRouted: IsRouted;
  readonly maxConnectionsPerUpstream: number;
  readonly now?: () => number;
}

/** A request that wants to go through. */
export interface Passage {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  /** What stands behind `/proxy`, with its slash, as it came. */
  readonly path: string;
  readonly query: string;
  readonly caller: Caller;
  /**
   * Asks who calls, and whether it may. Null: there is no such upstream.
   * @returns the tenant that it calls for, or nothing
   */
  readonly admit: (upstream: Upstream | null) => Promise<string>;
  /** Told as soon as it is known where the request goes. */
  readonly matched: (upstream: Upstream) => void;
}

interface Call extends Passage {
  readonly upstream: Upstream;
  readonly rest: string;
  readonly question: Question;
  readonly startedAt: number;
  readonly signal: AbortSignal;
}

/** Passes requests on to upstreams (spec/gateway.md 4). No durability, no replay. */
export class Proxy {
  readonly #memory: AnswerMemory;
  readonly #now: () => number;

  constructor(private readonly deps: ProxyDependencies) {
    this.#now = deps.now ?? Date.now;
    this.#memory = new AnswerMemory(this.#now);
    deps.directory.onChange(({ updated, removed }) => this.#memory.forget([...updated, ...removed]));
  }

  /**
   * Resolves when the answer has left, or nobody waits for it any more.
   * @throws GatewayError or ConclaveError for what has had no answer yet
   */
  async pass(passage: Passage): Promise<void> {
    const match = matchRoute(this.deps.directory, passage.path.slice(1), this.deps.isRouted);
    if (!match) {
      await passage.admit(null);
      throw new GatewayError('ROUTE_NOT_FOUND', 'no upstream has this path');
    }
    const { upstream, rest } = match;
    const { incoming } = passage;
    passage.matched(upstream);
    const method = incoming.method ?? 'GET';
    const { path } = targetOf(upstream.config, rest, passage.query);
    assertMethod(upstream, { method });
    const tenantId = await passage.admit(upstream);
    assertPasses(upstream, { method, headers: incoming.headers }, this.deps.health);
    await this.#throughBreaker({
      ...passage,
      upstream,
      rest,
      question: {
        endpointId: upstream.endpoint_id,
        method,
        path,
        tenantId,
        headers: incoming.rawHeaders,
      },
      startedAt: this.#now(),
      signal: untilGone(passage.response),
    });
  }

  async #throughBreaker(call: Call): Promise<void> {
    const { endpoint_id: id } = call.upstream;
    const { admitted, epoch, retryAfterSeconds } = this.deps.breakers.admit(id);
    if (!admitted) {
      const refused = { ...call, retryAfterSeconds };
      const instead = standIn(refused, this.#memory);
      this.deps.breakers.fellBack(id, instead?.strategy ?? 'error_response');
      if (!instead) throw circuitOpen(refused);
      begin(call.response, instead.status, instead.headers);
      call.response.end(call.question.method === 'HEAD' ? undefined : instead.body);
      return;
    }
    let recorded = false;
    const record = (outcome: CallOutcome): void => {
      if (!recorded) this.deps.breakers.record(id, outcome, epoch);
      recorded = true;
    };
    try {
      await this.#exchangeAndRelay(call, record);
    } catch (error) {
      if (call.signal.aborted) record('neutral');
      else if (call.response.headersSent) {
        record('failure');
        call.response.destroy();
      } else {
        record(error instanceof GatewayError && isUpstreamsFault(error) ? 'failure' : 'neutral');
        throw error;
      }
    }
  }

  async #exchangeAndRelay(call: Call, record: (outcome: CallOutcome) => void): Promise<void> {
    const { config, endpoint_id: id } = call.upstream;
    const answer = await this.#authenticated(call);
    const outcome = outcomeOf(answer.status, config.circuit_breaker);
    // An endless answer is a success from its beginning on.
    if (isEventStream(answer)) record(outcome);
    const headers = responseHeaders(answer.headers, config, {
      'X-Orchestrated-By': 'orchestrator-gateway',
      'X-Response-Time': `${((this.#now() - call.startedAt) / 1000).toFixed(3)}s`,
      'X-Endpoint-ID': id,
      'X-Request-ID': call.caller.requestId,
      'X-Correlation-Id': call.caller.correlationId,
    });
    const { circuit_breaker: breaker } = config;
    const keeps = this.#memory.keeps(call.question, breaker, answer.status, answer.headers);
    const body = await relay(answer, headers, call.response, keeps ? breaker.cache_max_bytes : null);
    record(outcome);
    if (body) this.#memory.keep(call.question, breaker, { status: answer.status, headers, body });
  }

  /** One more try after a 401, where there are other credentials; a body that has left is not sent again. */
  async #authenticated(call: Call): Promise<UpstreamAnswer> {
    const { credentials } = this.deps.outbound;
    const auth = ownAuth(call.upstream.config);
    const shown = await credentials.headersFor(auth).catch((error: unknown) => {
      throw error instanceof CredentialsError ? asGatewayError(error) : error;
    });
    const answer = await this.#exchange(call, shown);
    if (answer.status !== 401 || auth.auth_type === 'none') return answer;
    const others = await credentials.renewed(auth, shown).catch(() => null);
    if (!others || hasBody(call.incoming)) return answer;
    answer.body.on('error', () => undefined).destroy();
    return this.#exchange(call, others);
  }

  #exchange(call: Call, credentials: AuthHeaders): Promise<UpstreamAnswer> {
    const { incoming, upstream, caller } = call;
    const { config, endpoint_id: id } = upstream;
    const body = hasBody(incoming) ? incoming : null;
    const dispatcher = this.deps.outbound.pools.dispatcherFor({
      id,
      tls: config.auth_config['tls'] as TlsReferences | undefined,
      allowPrivateNetwork: config.allow_private_network,
      connections: this.deps.maxConnectionsPerUpstream,
      connectTimeoutMs: config.connect_timeout * 1000,
      // Ours runs from the last piece of the body, and while a connection is waited for.
      headersTimeoutMs: 0,
      idleTimeoutMs: config.idle_timeout * 1000,
    });
    return exchange(dispatcher, {
      target: targetOf(config, call.rest, call.query),
      method: call.question.method,
      headers: requestHeaders(incoming.rawHeaders, config, caller, credentials, body !== null),
      body,
      maxBodyBytes: config.max_body_bytes,
      timeoutMs: config.timeout * 1000,
      retries: config.retries,
      followRedirects: config.follow_redirects,
      confidential: [
        'authorization',
        'cookie',
        'x-api-key',
        ...Object.keys(credentials),
        ...Object.keys(config.transform.set_headers),
      ].map((name) => name.toLowerCase()),
      signal: call.signal,
    });
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function isEventStream({ headers }: UpstreamAnswer): boolean {
  return valuesOf(headers, 'content-type').some((type) => type.startsWith('text/event-stream'));
}

function untilGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new CallerGone());
  });
  return gone.signal;
}
