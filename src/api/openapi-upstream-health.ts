import '../contract/breaker-api';
import '../contract/gateway-error';
import '../contract/health-api';
import { answer, common, errors, pathParameter, query } from './openapi-parts';

/** Paths of the health of upstreams and of their breakers. */
export function upstreamHealthPaths() {
  const endpointId = pathParameter('endpoint_id', '`name@version`, or a name alone for its highest version');
  const unknown = { '404': answer('ENDPOINT_NOT_FOUND', 'GatewayErrorResponse') };
  const get = (operationId: string, summary: string, id: string, ofOne = false) => ({
    get: {
      operationId,
      summary,
      parameters: [...(ofOne ? [endpointId] : []), ...common],
      responses: { '200': answer('As of now', id), ...errors, ...(ofOne ? unknown : {}) },
    },
  });
  const force = (operationId: string, summary: string) => ({
    post: {
      operationId,
      summary,
      description: 'In effect on every replica within a second. Audited.',
      parameters: [endpointId, ...common],
      responses: {
        '200': answer('Done', 'CircuitBreakerForced'),
        ...errors,
        ...unknown,
        '503': answer('STORE_UNAVAILABLE: nothing has changed', 'GatewayErrorResponse'),
      },
    },
  });
  return {
    '/health/status': get('systemHealth', 'Verdict over upstreams and breakers', 'SystemHealth'),
    '/health/summary': get('healthSummary', 'How many upstreams are well', 'HealthSummary'),
    '/health/endpoints': get('healthEndpoints', 'The health of every upstream, by id', 'EndpointHealthList'),
    '/health/endpoints/{endpoint_id}': {
      get: {
        operationId: 'healthEndpoint',
        summary: 'The health of one upstream with its last checks, newest first',
        parameters: [
          endpointId,
          query('history', { type: 'integer', minimum: 0, maximum: 10_000, default: 20 }),
          ...common,
        ],
        responses: { '200': answer('As of now', 'EndpointHealthDetail'), ...errors, ...unknown },
      },
    },
    '/health/unhealthy': get('unhealthyEndpoints', 'Upstreams that are out', 'UnhealthyEndpoints'),
    '/health/check/{endpoint_id}': {
      post: {
        operationId: 'checkHealth',
        summary: 'Check an upstream now',
        description: 'Counts like any other check.',
        parameters: [endpointId, ...common],
        responses: {
          '200': answer('What came out; `success` is the verdict', 'HealthChecked'),
          ...errors,
          ...unknown,
          '409': answer('CHECK_IN_PROGRESS', 'GatewayErrorResponse'),
        },
      },
    },
    '/circuit-breaker/status': get('breakers', 'All circuit breakers', 'CircuitBreakerStatus'),
    '/health/circuit-breakers': get('healthBreakers', 'All circuit breakers', 'CircuitBreakerStatus'),
    '/health/circuit-breakers/open': get('openBreakers', 'Open circuit breakers', 'OpenCircuitBreakers'),
    '/circuit-breaker/endpoints/{endpoint_id}': get(
      'breaker',
      'One circuit breaker with its last transitions',
      'CircuitBreakerInfo',
      true,
    ),
    '/circuit-breaker/reset/{endpoint_id}': force('resetBreaker', 'Let calls through again'),
    '/circuit-breaker/trip/{endpoint_id}': force(
      'tripBreaker',
      'Let no call through for the recovery time, whatever health says',
    ),
  };
}
