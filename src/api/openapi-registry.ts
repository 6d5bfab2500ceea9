import '../contract/gateway-error';
import '../contract/registry-api';
import {
  answer,
  common,
  errors,
  json,
  notFound,
  pageToken,
  pathParameter,
  query,
  ref,
} from './openapi-parts';

const takes = (id: string) => ({ required: true, content: json(id) });
const gatewayError = (description: string) => answer(description, 'GatewayErrorResponse');
const either = (description: string) => ({
  description,
  content: { 'application/json': { schema: { anyOf: [ref('ErrorResponse'), ref('GatewayErrorResponse')] } } },
});

const detectorName = pathParameter('name', '`name`, its highest version; or `name@version`');
const endpointId = pathParameter('endpoint_id', 'Or a bare name: its highest version');
const unreachable = {
  '422': gatewayError('ENDPOINT_UNREACHABLE: not healthy, or its canary was not flagged; `details.reason`'),
};
const missing = { '404': gatewayError('ENDPOINT_NOT_FOUND') };
const forbidden = {
  '403': answer('INSUFFICIENT_RBAC: `tenant_mismatch`, `shared_needs_platform`', 'ErrorResponse'),
};

/** What changes detectors, beside what reads them. */
export function detectorWrites() {
  const parameters = [detectorName, ...common];
  return {
    list: {
      post: {
        operationId: 'registerDetector',
        summary: 'Register a detector, or another version of one',
        description:
          'It is asked for its health and must flag a known-bad sample, unless `verify` is false or `force` true. Effective on every replica within a second of the answer. Another version gets no traffic until it is given some. None may wait for itself by `depends_on`, over whatever others: 400 `dependency_cycle`.',
        parameters: common,
        requestBody: takes('NewDetector'),
        responses: {
          '201': answer('Registered; `Location` is the detector', 'DetectorInfo'),
          ...errors,
          ...forbidden,
          '409': either('`detector_exists`; or ENDPOINT_CONFLICT'),
          ...unreachable,
        },
      },
    },
    one: {
      put: {
        operationId: 'replaceDetector',
        summary: 'Change a detector',
        parameters,
        requestBody: takes('NewDetector'),
        responses: {
          '200': answer('As it is now', 'DetectorInfo'),
          ...errors,
          ...forbidden,
          ...notFound,
          ...unreachable,
        },
      },
      delete: {
        operationId: 'unregisterDetector',
        summary: 'Take a detector out; calls in flight end',
        parameters,
        responses: { '204': { description: 'It is gone' }, ...errors, ...notFound },
      },
    },
    paths: {
      '/detectors/{name}/traffic': {
        put: {
          operationId: 'splitTraffic',
          summary: 'Share the requests for a name among its versions',
          description: 'Percentages sum to 100; a version that is not named gets none.',
          parameters,
          requestBody: takes('TrafficSplit'),
          responses: { '200': answer('The split', 'TrafficChanged'), ...errors, ...notFound },
        },
      },
      '/detectors/{name}/heartbeat': {
        post: {
          operationId: 'heartbeat',
          summary: 'Sign of life of a detector that registered itself',
          parameters,
          responses: { '204': { description: 'It stays for another `ttl_seconds`' }, ...errors, ...notFound },
        },
      },
      '/detectors/{name}/test': {
        post: {
          operationId: 'testDetector',
          summary: 'One call with a content, or with its known-bad sample',
          parameters,
          requestBody: takes('DetectorTest'),
          responses: { '200': answer('What it said', 'DetectorTested'), ...errors, ...notFound },
        },
      },
    },
  };
}

export function registryPaths() {
  const parameters = [endpointId, ...common];
  return {
    '/registry/endpoints': {
      get: {
        operationId: 'listEndpoints',
        summary: 'Upstreams of every kind',
        parameters: [
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          pageToken,
          query('status', { enum: ['active', 'inactive', 'disabled', 'unhealthy'] }),
          query('include_disabled', { type: 'boolean', default: true }),
          query('kind', { enum: ['detector', 'mapper', 'analysis', 'http'] }),
          query('group', { type: 'string', maxLength: 64 }),
          query('tag', { type: 'string', maxLength: 100 }),
          query('version', { type: 'string', maxLength: 50 }),
          query('source', { enum: ['config', 'manual', 'discovery'] }),
          query('circuit_breaker_state', { enum: ['closed', 'open', 'half_open'] }),
          query('q', { type: 'string', maxLength: 200, description: 'Part of the id or of the url' }),
          query('sort', {
            enum: ['registration_time', '-registration_time', 'name', '-name', 'status', '-status'],
          }),
          ...common,
        ],
        responses: { '200': answer('A page of them', 'EndpointList'), ...errors },
      },
      post: {
        operationId: 'registerEndpoint',
        summary: 'Register an upstream that is no detector',
        parameters: common,
        requestBody: takes('NewEndpoint'),
        responses: {
          '200': answer('It was there, and is updated', 'EndpointRegistered'),
          '201': answer('Registered', 'EndpointRegistered'),
          ...errors,
          '409': either(
            '`idempotency_conflict`; or ENDPOINT_CONFLICT: the id has another url, or the url another id',
          ),
          '422': gatewayError('ENDPOINT_UNREACHABLE'),
        },
      },
    },
    '/registry/endpoints/{endpoint_id}': {
      get: {
        operationId: 'getEndpoint',
        parameters,
        responses: { '200': answer('The upstream', 'RegisteredEndpoint'), ...errors, ...missing },
      },
      delete: {
        operationId: 'unregisterEndpoint',
        parameters,
        responses: { '200': answer('It is gone', 'EndpointRemoved'), ...errors, ...missing },
      },
    },
    '/registry/endpoints/{endpoint_id}/status': {
      put: {
        operationId: 'setEndpointStatus',
        summary: 'Take an upstream out of use, or back into it',
        parameters,
        requestBody: takes('EndpointStatusChange'),
        responses: { '200': answer('Done', 'EndpointStatusChanged'), ...errors, ...missing },
      },
    },
    '/registry/stats': {
      get: {
        operationId: 'registryStats',
        parameters: common,
        responses: { '200': answer('Upstreams by status', 'RegistryStats'), ...errors },
      },
    },
    '/registry/sync': {
      post: {
        operationId: 'syncRegistry',
        summary: 'Make the registry as its file said when it was last read',
        parameters: common,
        responses: {
          '200': answer('What has changed', 'RegistrySync'),
          ...errors,
          '404': gatewayError('CONFIG_NOT_LOADED'),
          '409': either('`idempotency_conflict`; or RELOAD_IN_PROGRESS'),
        },
      },
    },
    '/config/reload': {
      post: {
        operationId: 'reloadConfig',
        summary: 'Read the registry file again',
        parameters: common,
        responses: {
          '200': answer('What has changed', 'ConfigReload'),
          ...errors,
          '409': either('`idempotency_conflict`; or RELOAD_IN_PROGRESS'),
          '422': gatewayError('CONFIG_INVALID: everything stays as it was; `details.errors`'),
        },
      },
    },
    '/config/status': {
      get: {
        operationId: 'configStatus',
        parameters: common,
        responses: { '200': answer('The registry file and its versions', 'ConfigStatus'), ...errors },
      },
    },
    '/config/endpoints': {
      get: {
        operationId: 'configEndpoints',
        summary: 'What the registry file lists, defaults filled in, secrets masked',
        parameters: common,
        responses: {
          '200': answer('The entries', 'ConfigEndpoints'),
          ...errors,
          '404': gatewayError('CONFIG_NOT_LOADED'),
        },
      },
    },
    '/config/validate': {
      post: {
        operationId: 'validateConfig',
        summary: 'Try a registry file or document; changes nothing',
        parameters: common,
        requestBody: takes('ConfigCandidate'),
        responses: { '200': answer('The verdict', 'ConfigVerdict'), ...errors },
      },
    },
  };
}
