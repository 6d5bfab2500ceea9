import { type Request, Router } from 'express';
import { z } from 'zod';
import { breakerStates } from '../contract/breaker';
import { GatewayError } from '../contract/errors';
import { endpointStatusSchema, newEndpointSchema, type RegisteredEndpoint } from '../contract/registry-api';
import { type Upstream, upstreamKinds, upstreamSources, upstreamStatuses } from '../contract/upstream';
import { alphabetically } from '../domain/compare';
import { isWithin, ownerOf } from '../domain/registry';
import type { ConfigSource } from '../registry/config-source';
import type { UpstreamDirectory } from '../registry/directory';
import type { Registrar } from '../registry/registrar';
import { needs } from './access';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { pageOf } from './pages';
import { contextOf } from './request-context';
import { sightOf } from './sight';
import { validate } from './validate';

/** How an upstream is doing. */
export type EndpointState = Pick<
  RegisteredEndpoint,
  'circuit_breaker_state' | 'last_health_check' | 'last_failure_time' | 'consecutive_failures'
> & { readonly unhealthy: boolean };

export interface RegistryRouterDependencies {
  readonly directory: Pick<UpstreamDirectory, 'upstreams' | 'byId' | 'resolve'>;
  readonly stateOf: (upstream: Upstream) => EndpointState;
  readonly registrar: Pick<Registrar, 'registerEndpoint' | 'removeEndpoint' | 'setStatus'>;
  readonly config: Pick<ConfigSource, 'sync'>;
}

const maxBodyBytes = 256 * 1024;
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const listQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z.string().max(3000).optional(),
  status: z.enum(upstreamStatuses).optional(),
  include_disabled: flag.default(true),
  kind: z.enum(upstreamKinds).optional(),
  group: z.string().max(64).optional(),
  tag: z.string().max(100).optional(),
  version: z.string().max(50).optional(),
  source: z.enum(upstreamSources).optional(),
  circuit_breaker_state: z.enum(breakerStates).optional(),
  q: z.string().max(200).optional(),
  sort: z
    .enum(['registration_time', '-registration_time', 'name', '-name', 'status', '-status'])
    .default('registration_time'),
});
type ListQuery = z.output<typeof listQuerySchema>;

/** Upstreams of every kind, for those who run the gateway (spec/gateway.md 3). */
export function registryRouter(deps: RegistryRouterDependencies): Router {
  const router = Router();
  const body = readBody(maxBodyBytes);

  router.get('/registry/endpoints', needs('registry:read', { reach: 'shared' }), (request, response) => {
    const query = validate(listQuerySchema, request.query);
    const everything = visible(request).map(describe);
    const order = orderBy(query.sort);
    const matching = everything
      .filter((endpoint) => isAskedFor(endpoint, query))
      .toSorted((a, b) => order.compare(order.keyOf(a), order.keyOf(b)));
    const { items, ...rest } = pageOf(matching, query, order.keyOf, order.compare);
    const { active, unhealthy, disabled } = countsOf(everything);
    response.json({
      endpoints: items,
      total_count: matching.length,
      active_count: active,
      unhealthy_count: unhealthy,
      disabled_count: disabled,
      ...rest,
    });
  });

  router.get('/registry/endpoints/:id', needs('registry:read', { reach: 'shared' }), (request, response) => {
    response.json(describe(one(request)));
  });

  router.post(
    '/registry/endpoints',
    needs('registry:write', { reach: 'installation' }),
    ...body,
    once(newEndpointSchema),
    async (request, response) => {
      const { config, verify, force } = bodyOf(request, newEndpointSchema, ['config']);
      const { entry, isNew, fault } = await deps.registrar.registerEndpoint(
        config,
        { verify, force },
        contextOf(response),
      );
      response.status(isNew ? 201 : 200).json({
        success: true,
        message: `${isNew ? 'registered' : 'updated'}${fault === null ? '' : ` as unhealthy: ${fault}`}`,
        endpoint_id: entry.endpoint_id,
        endpoint_url: config.url,
      });
    },
  );

  router.delete(
    '/registry/endpoints/:id',
    needs('registry:write', { reach: 'installation' }),
    once(),
    async (request, response) => {
      const { endpoint_id: id } = one(request);
      await deps.registrar.removeEndpoint(id, contextOf(response));
      response.json({ success: true, message: 'removed', endpoint_id: id });
    },
  );

  router.put(
    '/registry/endpoints/:id/status',
    needs('registry:write', { reach: 'installation' }),
    ...body,
    once(endpointStatusSchema),
    async (request, response) => {
      const { status } = bodyOf(request, endpointStatusSchema);
      const { endpoint_id: id } = one(request);
      await deps.registrar.setStatus(id, status, contextOf(response));
      response.json({ success: true, message: `now ${status}`, endpoint_id: id, new_status: status });
    },
  );

  router.get('/registry/stats', needs('registry:read', { reach: 'shared' }), (request, response) => {
    const { total, active, inactive, disabled, unhealthy } = countsOf(visible(request).map(describe));
    response.json({
      registry_stats: { total, active, inactive, disabled, unhealthy },
      timestamp: new Date().toISOString(),
    });
  });

  router.post(
    '/registry/sync',
    needs('registry:write', { reach: 'installation' }),
    once(),
    async (_request, response) => {
      const { plan } = await deps.config.sync(contextOf(response));
      const { added, updated, removed, errors } = plan;
      response.json({
        success: errors.length === 0,
        message:
          errors.length === 0 ? 'the registry is as its file says' : 'some entries could not be applied',
        sync_result: { added, updated, removed, errors },
        timestamp: new Date().toISOString(),
      });
    },
  );

  function visible(request: Request): readonly Upstream[] {
    const sight = sightOf(request);
    return deps.directory.upstreams.filter((upstream) => isWithin(ownerOf(upstream), sight));
  }

  function one(request: Request): Upstream {
    const id = String(request.params['id']);
    const found = deps.directory.byId(id) ?? deps.directory.resolve(id);
    if (found && visible(request).includes(found)) return found;
    throw new GatewayError('ENDPOINT_NOT_FOUND', 'there is no such endpoint');
  }

  function describe(upstream: Upstream): RegisteredEndpoint {
    const { config } = upstream;
    const { unhealthy, ...state } = deps.stateOf(upstream);
    return {
      endpoint_id: upstream.endpoint_id,
      url: config.url,
      name: config.name ?? null,
      version: config.version ?? null,
      kind: config.kind,
      group: config.group ?? config.kind,
      methods: config.methods,
      auth_type: config.auth_type,
      disabled: config.disabled,
      timeout: config.timeout,
      description: config.description,
      tags: config.tags,
      status: upstream.status === 'active' && unhealthy ? 'unhealthy' : upstream.status,
      ...state,
      source: upstream.source,
      registration_time: upstream.registration_time,
      updated_at: upstream.updated_at,
    };
  }

  return router;
}

function isAskedFor(endpoint: RegisteredEndpoint, query: ListQuery): boolean {
  return (
    (query.include_disabled || endpoint.status !== 'disabled') &&
    (query.status ?? endpoint.status) === endpoint.status &&
    (query.kind ?? endpoint.kind) === endpoint.kind &&
    (query.group ?? endpoint.group) === endpoint.group &&
    (query.version ?? endpoint.version) === endpoint.version &&
    (query.source ?? endpoint.source) === endpoint.source &&
    (query.circuit_breaker_state ?? endpoint.circuit_breaker_state) === endpoint.circuit_breaker_state &&
    (query.tag === undefined || endpoint.tags.includes(query.tag)) &&
    (query.q === undefined || endpoint.endpoint_id.includes(query.q) || endpoint.url.includes(query.q))
  );
}

function countsOf(endpoints: readonly RegisteredEndpoint[]) {
  const of = (status: RegisteredEndpoint['status']) =>
    endpoints.filter((endpoint) => endpoint.status === status).length;
  return {
    total: endpoints.length,
    active: of('active'),
    inactive: of('inactive'),
    disabled: of('disabled'),
    unhealthy: of('unhealthy'),
  };
}

/** Equal ones by id, so that no two have the same place. */
function orderBy(sort: ListQuery['sort']) {
  const descending = sort.startsWith('-');
  const field = sort.replace('-', '') as 'registration_time' | 'name' | 'status';
  return {
    keyOf: (endpoint: RegisteredEndpoint): readonly string[] => [endpoint[field] ?? '', endpoint.endpoint_id],
    compare: ([a = '', id = '']: readonly string[], [b = '', otherId = '']: readonly string[]): number =>
      (descending ? alphabetically(b, a) : alphabetically(a, b)) || alphabetically(id, otherId),
  };
}
