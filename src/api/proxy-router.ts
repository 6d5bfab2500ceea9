import { randomBytes } from 'node:crypto';
import cors from 'cors';
import type { Request, RequestHandler, Response } from 'express';
import { ConclaveError, GatewayError } from '../contract/errors';
import type { Upstream } from '../contract/upstream';
import { allowedMethods } from '../proxy/guards';
import { forwardsCredentials } from '../proxy/headers';
import { matchRoute } from '../proxy/match';
import type { Proxy, ProxyDependencies } from '../proxy/proxy';
import type { GatewayMetrics } from '../telemetry/gateway-metrics';
import type { Logger } from '../telemetry/logger';
import type { DeclaredRoute } from './access';
import { gateOf } from './access';
import { firewallOf } from './firewall';
import { type Credentials, credentialsOf } from './gate';
import { contextOf } from './request-context';
import { rateLimitOf } from './rate-limit';
import { allowLongBody } from './request-time';
import { tenantOf } from './tenant-header';

export interface ProxyRouterDependencies {
  readonly proxy: Proxy;
  readonly directory: ProxyDependencies['directory'];
  readonly isRouted: ProxyDependencies['isRouted'];
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  /** Pages that may call: those of these origins, or of any. */
  readonly corsOrigins: readonly string[] | '*';
}

export const proxyMethods = ['get', 'post', 'put', 'delete', 'patch', 'head'] as const;
/** Whoever knew no upstream is counted under this name. */
const nowhere = 'none';

/** Everything under `/proxy`. Mounted before whatever reads bodies: they are passed on as they come. */
export function proxyHandler(deps: ProxyRouterDependencies): RequestHandler {
  return async (request, response) => {
    const { path, query } = partsOf(request.url);
    if (request.method === 'OPTIONS' && answerPreflight(deps, path, request, response)) return;
    const journey = watch(deps, request, response);
    try {
      firewallOf(request).readHead(request);
      await deps.proxy.pass({
        incoming: request,
        response,
        path,
        query,
        caller: callerOf(request, response),
        admit: async (upstream) => {
          const tenantId = await admit(request, upstream);
          if (upstream) welcome(upstream, request, response);
          return tenantId;
        },
        matched: (upstream) => journey.to(upstream),
      });
    } catch (error) {
      journey.failed(error);
      throw error;
    }
  };
}

const access = { permission: 'proxy:invoke', reach: 'shared' } as const;

/** As OpenAPI shows them. */
export const proxyRoutes: readonly DeclaredRoute[] = proxyMethods.map((method) => ({
  method,
  path: '/api/v1/proxy/{name}/{rest}',
  access,
}));

/** Null: whoever may not call learns nothing of what there is. */
async function admit(request: Request, upstream: Upstream | null): Promise<string> {
  const gate = gateOf(request);
  if (upstream || gate.asks) {
    const identity = await gate.recognize(request, false, credentialsForUs(request, upstream));
    gate.require(request, identity, access, upstream?.config.name);
    await rateLimitOf(request).consumeOther(request.res!);
  }
  return upstream ? (tenantOf(request) ?? '') : '';
}

/** Whoever is not let in learns no more than the path told, and has no more time than others. */
function welcome(upstream: Upstream, request: Request, response: Response): void {
  response.set('X-Endpoint-ID', upstream.endpoint_id);
  allowLongBody(request, response, slowestMs(upstream));
}

/** Those of the gateway's own headers; else those that do not travel on. */
function credentialsForUs(request: Request, upstream: Upstream | null): Credentials {
  const own = {
    apiKey: request.get('x-gateway-key'),
    authorization: request.get('x-gateway-authorization'),
  };
  if (own.apiKey !== undefined || own.authorization !== undefined) return own;
  return upstream && forwardsCredentials(upstream.config) ? {} : credentialsOf(request);
}

/** A request target may be a whole URL (RFC 9112, 3.2.2). */
function partsOf(url: string): { path: string; query: string } {
  const target = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, query: '' };
  return { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** @returns false where the upstream is asked itself, or there is none */
function answerPreflight(
  { directory, isRouted, corsOrigins }: ProxyRouterDependencies,
  path: string,
  request: Request,
  response: Response,
): boolean {
  const upstream = matchRoute(directory, path.slice(1), isRouted)?.upstream;
  if (!upstream || upstream.config.methods.includes('OPTIONS')) return false;
  const methods = [...allowedMethods(upstream.config)];
  response.set('Allow', methods.join(', '));
  cors({ origin: corsOrigins === '*' ? '*' : [...corsOrigins], methods, maxAge: 3600 })(
    request,
    response,
    () => {
      response.status(204).end();
    },
  );
  return true;
}

function callerOf(request: Request, response: Response) {
  const context = contextOf(response);
  return {
    requestId: context.requestId,
    correlationId: context.correlationId,
    traceparent:
      context.traceparent ?? `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
    address: request.socket.remoteAddress ?? 'unknown',
    protocol: request.protocol,
    host: request.get('host') ?? '',
  };
}

/** An upstream that reads slowly makes a caller slow. */
function slowestMs({ config }: Upstream): number {
  return Math.max(30, config.timeout + 5, config.idle_timeout + 5) * 1000;
}

/** One line of log and one count for every request, when its answer has left or its caller has. */
function watch({ metrics, log }: ProxyRouterDependencies, request: Request, response: Response) {
  const startedAt = performance.now();
  let endpointId = nowhere;
  let code: string | null = null;
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  metrics.began();
  response.once('close', () => {
    const status = response.headersSent ? response.statusCode : 499;
    metrics.ended({ endpointId, method: request.method, status, code, seconds: seconds() });
    const { requestId, correlationId } = contextOf(response);
    log.info(
      {
        request_id: requestId,
        correlation_id: correlationId,
        endpoint_id: endpointId,
        operation: 'proxy',
        method: request.method,
        status,
        duration_ms: Math.round(seconds() * 1000),
        ...(code === null ? {} : { code }),
        ...(response.writableFinished ? {} : { cut: true }),
      },
      'a request was passed on',
    );
  });
  return {
    to(upstream: Upstream): void {
      endpointId = upstream.endpoint_id;
    },
    failed(error: unknown): void {
      const known = error instanceof GatewayError || error instanceof ConclaveError;
      code = known ? error.code : 'INTERNAL_ERROR';
      if (!response.headersSent) response.set('X-Response-Time', `${seconds().toFixed(3)}s`);
    },
  };
}
