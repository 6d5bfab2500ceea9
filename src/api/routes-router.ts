import { Router } from 'express';
import { z } from 'zod';
import { ConclaveError, GatewayError } from '../contract/errors';
import type { BreakerState } from '../contract/breaker';
import type { RouteDebug, RouteList, RouteRefresh, RouteTest, Trial } from '../contract/routes-api';
import type { Upstream, UpstreamStatus } from '../contract/upstream';
import { isVisibleId } from '../domain/registry';
import { assertMethod, assertPasses, type HealthView } from '../proxy/guards';
import { matchRoute } from '../proxy/match';
import type { ProxyDependencies } from '../proxy/proxy';
import { targetOf } from '../proxy/target';
import { type DeclaredRoute, needs } from './access';
import { byId, pageOf } from './pages';
import { sightOf } from './sight';
import { validate } from './validate';

export interface RoutesRouterDependencies {
  readonly directory: ProxyDependencies['directory'];
  readonly isRouted: ProxyDependencies['isRouted'];
  readonly health: HealthView;
  readonly breakers: {
    stateOf(endpointId: string): BreakerState;
    wouldAdmit(endpointId: string): boolean;
  };
  /** Asks an upstream by its health check, beside breaker and health. */
  readonly tryOut: (upstream: Upstream) => Promise<Trial>;
  /** Why a target may not be called; null when it may. */
  readonly refusalOf: (url: string, allowPrivateNetwork: boolean | undefined) => Promise<string | null>;
  /** Reads the registry anew. */
  readonly refresh: () => Promise<void>;
}

const listQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z.string().max(3000).optional(),
});
const debugQuerySchema = z.strictObject({ method: z.string().max(20).default('GET') });

const debugAccess = { permission: 'router:read', reach: 'shared' } as const;
/** As OpenAPI shows it: what comes behind may be anything. */
export const debugRoute: DeclaredRoute = {
  method: 'get',
  path: '/api/v1/router/debug/{path}',
  access: debugAccess,
};

/** What the proxy would do, and why not (spec/gateway.md 4). */
export function routesRouter(deps: RoutesRouterDependencies): Router {
  const router = Router();

  router.get('/router/routes', needs('router:read', { reach: 'shared' }), (request, response) => {
    const query = validate(listQuerySchema, request.query);
    const all = routed();
    const { items, ...rest } = pageOf(all, query, ({ endpoint_id: id }) => [id], byId);
    response.json({
      routes: items.map(describe),
      total_count: all.length,
      ...rest,
      timestamp: new Date().toISOString(),
    } satisfies RouteList);
  });

  router.get(
    '/router/test/:endpoint_id',
    needs('router:read', { reach: 'shared', resource: 'endpoint_id' }),
    async (request, response) => {
      const upstream = deps.directory.byId(String(request.params['endpoint_id']));
      if (!upstream || !isVisibleId(upstream.endpoint_id, sightOf(request)))
        throw new GatewayError('ENDPOINT_NOT_FOUND', 'there is no such endpoint');
      response.json({
        test_result: {
          endpoint_id: upstream.endpoint_id,
          url: upstream.config.url,
          ...(await deps.tryOut(upstream)),
        },
        timestamp: new Date().toISOString(),
      } satisfies RouteTest);
    },
  );

  router.post(
    '/router/refresh',
    needs('router:write', { reach: 'installation' }),
    async (_request, response) => {
      await deps.refresh();
      response.json({
        success: true,
        message: 'the routes are those of the registry',
        active_routes_count: routed().filter(({ status }) => status === 'active').length,
        timestamp: new Date().toISOString(),
      } satisfies RouteRefresh);
    },
  );

  router.use('/router/debug', needs(debugAccess.permission, debugAccess), async (request, response, next) => {
    if (request.method !== 'GET') {
      next();
      return;
    }
    const { method } = validate(debugQuerySchema, request.query);
    const path = request.url.split('?')[0]!;
    const explained = await explain(path.replace(/^\/+/, ''), method.toUpperCase());
    response.json({ input_path: path, ...explained } satisfies RouteDebug);
  });

  function routed(): Upstream[] {
    return deps.directory.upstreams.filter(deps.isRouted);
  }

  function describe(upstream: Upstream): RouteList['routes'][number] {
    const { endpoint_id, config } = upstream;
    return {
      pattern: `/api/v1/proxy/${config.version === undefined ? '' : `${config.version}/`}${config.name}`,
      endpoint_id,
      target_url: config.url,
      methods: config.methods,
      status: statusOf(upstream),
      circuit_breaker_state: deps.breakers.stateOf(endpoint_id),
    };
  }

  function statusOf({ endpoint_id, status }: Upstream): UpstreamStatus {
    return status === 'active' && deps.health.isUnhealthy(endpoint_id) ? 'unhealthy' : status;
  }

  async function explain(path: string, method: string): Promise<Omit<RouteDebug, 'input_path'>> {
    const normalized_path = `/${path}`;
    const match = matchRoute(deps.directory, path, deps.isRouted);
    if (!match) {
      return {
        normalized_path,
        matched_endpoint: null,
        relative_path: null,
        would_forward_to: null,
        blocked_by: 'ROUTE_NOT_FOUND',
        error: 'no upstream has this path',
      };
    }
    const { upstream, rest } = match;
    const { config, endpoint_id } = upstream;
    const found = {
      normalized_path,
      matched_endpoint: {
        endpoint_id,
        name: config.name!,
        url: config.url,
        methods: config.methods,
        status: statusOf(upstream),
      },
      relative_path: rest,
    };
    try {
      const { origin, path: inner } = targetOf(config, rest, '');
      const would_forward_to = `${origin}${inner}`;
      const block = await blockOf(upstream, method);
      return { ...found, would_forward_to, blocked_by: block?.code ?? null, error: block?.message ?? null };
    } catch (error) {
      if (!(error instanceof ConclaveError)) throw error;
      return { ...found, would_forward_to: null, blocked_by: error.code, error: error.message };
    }
  }

  /** What a request would be refused for, though it would be admitted in all else. */
  async function blockOf(
    upstream: Upstream,
    method: string,
  ): Promise<{ code: string; message: string } | null> {
    const { config, endpoint_id } = upstream;
    try {
      assertMethod(upstream, { method });
      assertPasses(upstream, { method, headers: {} }, deps.health);
    } catch (error) {
      if (error instanceof GatewayError || error instanceof ConclaveError) return error;
      throw error;
    }
    if (!deps.breakers.wouldAdmit(endpoint_id)) {
      return { code: 'CIRCUIT_OPEN', message: `the circuit breaker of ${endpoint_id} is open` };
    }
    const refusal = await deps.refusalOf(config.url, config.allow_private_network);
    return refusal === null ? null : { code: 'UPSTREAM_UNREACHABLE', message: refusal };
  }

  return router;
}
