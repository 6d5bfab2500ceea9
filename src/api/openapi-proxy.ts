import '../contract/routes-api';

const answer = (description: string, id: string) => ({
  description,
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${id}` } } },
});
const refusal = (description: string) => answer(description, 'ErrorResponse');
const gatewayRefusal = (description: string) => answer(description, 'GatewayErrorResponse');
const inPath = (name: string, description: string) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
});
const inQuery = (name: string, schema: object) => ({ name, in: 'query', required: false, schema });

/** Paths of the proxy. @param shared parameters and answers that all paths have */
export function proxyPaths(shared: {
  readonly common: readonly object[];
  readonly errors: Readonly<Record<string, object>>;
}) {
  const passage = (method: string) => ({
    operationId: `proxy${method[0]!.toUpperCase()}${method.slice(1)}`,
    summary: 'Pass a request on to an upstream of kind `http`',
    description:
      'Path, query, body and headers go on as they come, and the answer comes back so; `X-Orchestrated-By`, `X-Response-Time` and `X-Endpoint-ID` are added. Below `/proxy/{name}` lies the upstream, of one version below `/proxy/{version}/{name}`.',
    parameters: [
      inPath('name', 'Name or endpoint_id of the upstream'),
      inPath('rest', 'Path in the upstream; may hold slashes'),
      ...shared.common,
    ],
    responses: {
      default: { description: 'The answer of the upstream' },
      '400': refusal('INVALID_REQUEST: the path would leave the upstream'),
      '401': refusal('UNAUTHORIZED'),
      '404': gatewayRefusal('ROUTE_NOT_FOUND'),
      '405': gatewayRefusal('METHOD_NOT_ALLOWED; `Allow` has those that are'),
      '413': gatewayRefusal('PAYLOAD_TOO_LARGE'),
      '501': gatewayRefusal('NOT_SUPPORTED: protocol upgrades'),
      '502': gatewayRefusal('UPSTREAM_UNREACHABLE or UPSTREAM_PROTOCOL_ERROR'),
      '503': gatewayRefusal('ENDPOINT_DISABLED, ENDPOINT_UNHEALTHY or CIRCUIT_OPEN'),
      '504': gatewayRefusal('UPSTREAM_TIMEOUT'),
    },
  });
  const methods = ['get', 'post', 'put', 'delete', 'patch', 'head'];
  return {
    '/proxy/{name}/{rest}': Object.fromEntries(methods.map((method) => [method, passage(method)])),
    '/router/routes': {
      get: {
        operationId: 'listRoutes',
        summary: 'Where requests go, by endpoint_id',
        parameters: [
          inQuery('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          inQuery('page_token', { type: 'string' }),
          ...shared.common,
        ],
        responses: { '200': answer('A page of routes', 'RouteList'), ...shared.errors },
      },
    },
    '/router/test/{endpoint_id}': {
      get: {
        operationId: 'testRoute',
        summary: 'Ask an upstream once, by its health check',
        description: 'Takes 10 s at most. Neither its breaker nor its health learn of it.',
        parameters: [inPath('endpoint_id', '`name` or `name@version`'), ...shared.common],
        responses: {
          '200': answer('What came of it', 'RouteTest'),
          ...shared.errors,
          '404': gatewayRefusal('ENDPOINT_NOT_FOUND'),
        },
      },
    },
    '/router/refresh': {
      post: {
        operationId: 'refreshRoutes',
        summary: 'Read the registry anew; routes follow it by themselves, so this only repairs',
        parameters: shared.common,
        responses: { '200': answer('Done', 'RouteRefresh'), ...shared.errors },
      },
    },
    '/router/debug/{path}': {
      get: {
        operationId: 'debugRoute',
        summary: 'Where a request would go, and what would block it; nothing is sent',
        parameters: [
          inPath('path', 'What would stand behind `/proxy/`; may hold slashes'),
          inQuery('method', { type: 'string', default: 'GET' }),
          ...shared.common,
        ],
        responses: { '200': answer('What would happen', 'RouteDebug'), ...shared.errors },
      },
    },
  };
}
