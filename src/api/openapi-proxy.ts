import '../contract/routes-api';
import { proxyMethods } from './proxy-router';
import { answer, common, errors, pageToken, pathParameter, query } from './openapi-parts';

const refusal = (description: string) => answer(description, 'ErrorResponse');
const gatewayRefusal = (description: string) => answer(description, 'GatewayErrorResponse');

/** Paths of the proxy. */
export function proxyPaths() {
  const passage = (method: string) => ({
    operationId: `proxy${method[0]!.toUpperCase()}${method.slice(1)}`,
    summary: 'Pass a request on to an upstream of kind `http`',
    description:
      'Path, query, body and headers go on as they come, and the answer comes back so; `X-Orchestrated-By`, `X-Response-Time` and `X-Endpoint-ID` are added. Below `/proxy/{name}` lies the upstream, of one version below `/proxy/{version}/{name}`.',
    parameters: [
      pathParameter('name', 'Name or endpoint_id of the upstream'),
      pathParameter('rest', 'Path in the upstream; may hold slashes'),
      ...common,
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
  return {
    '/proxy/{name}/{rest}': Object.fromEntries(proxyMethods.map((method) => [method, passage(method)])),
    '/router/routes': {
      get: {
        operationId: 'listRoutes',
        summary: 'Where requests go, by endpoint_id',
        parameters: [
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          pageToken,
          ...common,
        ],
        responses: { '200': answer('A page of routes', 'RouteList'), ...errors },
      },
    },
    '/router/test/{endpoint_id}': {
      get: {
        operationId: 'testRoute',
        summary: 'Ask an upstream once, by its health check',
        description: 'Takes 10 s at most. Neither its breaker nor its health learn of it.',
        parameters: [pathParameter('endpoint_id', '`name` or `name@version`'), ...common],
        responses: {
          '200': answer('What came of it', 'RouteTest'),
          ...errors,
          '404': gatewayRefusal('ENDPOINT_NOT_FOUND'),
        },
      },
    },
    '/router/refresh': {
      post: {
        operationId: 'refreshRoutes',
        summary: 'Read the registry anew; routes follow it by themselves, so this only repairs',
        parameters: common,
        responses: { '200': answer('Done', 'RouteRefresh'), ...errors },
      },
    },
    '/router/debug/{path}': {
      get: {
        operationId: 'debugRoute',
        summary: 'Where a request would go, and what would block it; nothing is sent',
        parameters: [
          pathParameter('path', 'What would stand behind `/proxy/`; may hold slashes'),
          query('method', { type: 'string', default: 'GET' }),
          ...common,
        ],
        responses: { '200': answer('What would happen', 'RouteDebug'), ...errors },
      },
    },
  };
}
