import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

/** How the answers of the registry's operations are come by, in this order. */
export function registryAnswers(of: () => System): Ask[] {
  const send = (method: string, route: string, body?: unknown, headers = {}) =>
    of().request(method, route, body, headers);
  const detector = (fields: object = {}) => ({
    name: 'toxicity-documented',
    endpoint: of().detectors.url,
    verify: false,
    ...fields,
  });
  const endpoint = (fields: object = {}, options: object = { verify: false }) => ({
    config: { url: 'https://llm.example', name: 'llm', ...fields },
    ...options,
  });
  const one = '/detectors/{name}';
  const detectorAt = '/detectors/toxicity-documented';
  const endpoints = '/registry/endpoints';
  const oneEndpoint = `${endpoints}/{endpoint_id}`;
  const registryFile = () => path.join(of().dataDir, 'detectors.yaml');
  return [
    ['get', '/status', 200, () => send('GET', '/status')],
    ['post', '/detectors', 201, () => send('POST', '/detectors', detector())],
    ['post', '/detectors', 400, () => send('POST', '/detectors', { name: 'x' })],
    [
      'post',
      '/detectors',
      403,
      () => send('POST', '/detectors', detector({ tenant_scope: 'shared' }), { 'X-Tenant-ID': 'acme' }),
    ],
    ['post', '/detectors', 409, () => send('POST', '/detectors', detector())],
    [
      'post',
      '/detectors',
      422,
      () => send('POST', '/detectors', detector({ name: 'pii-blind', verify: true })),
    ],
    ['put', one, 200, () => send('PUT', detectorAt, detector({ timeout_ms: 900 }))],
    ['put', one, 404, () => send('PUT', '/detectors/nobody', detector())],
    ['put', one, 422, () => send('PUT', detectorAt, detector({ verify: true }))],
    ['put', `${one}/traffic`, 200, () => send('PUT', `${detectorAt}/traffic`, { versions: { '1.0': 100 } })],
    ['put', `${one}/traffic`, 400, () => send('PUT', `${detectorAt}/traffic`, { versions: { '1.0': 9 } })],
    ['post', `${one}/test`, 200, () => send('POST', `${detectorAt}/test`, {})],
    ['post', `${one}/test`, 404, () => send('POST', '/detectors/nobody/test', {})],
    [
      'post',
      `${one}/heartbeat`,
      204,
      async () => {
        await send('POST', '/detectors', detector({ name: 'beating', ttl_seconds: 60 }));
        return send('POST', '/detectors/beating/heartbeat');
      },
    ],
    ['post', `${one}/heartbeat`, 404, () => send('POST', `${detectorAt}/heartbeat`)],
    ['delete', one, 204, () => send('DELETE', detectorAt)],
    ['delete', one, 404, () => send('DELETE', detectorAt)],
    ['post', endpoints, 201, () => send('POST', endpoints, endpoint())],
    ['post', endpoints, 200, () => send('POST', endpoints, endpoint({ timeout: 60 }))],
    ['post', endpoints, 400, () => send('POST', endpoints, endpoint({ url: 'x' }))],
    ['post', endpoints, 409, () => send('POST', endpoints, endpoint({ url: 'https://other.example' }))],
    [
      'post',
      endpoints,
      422,
      () => send('POST', endpoints, endpoint({ url: 'http://127.0.0.1:1', name: 'gone' }, {})),
    ],
    ['get', endpoints, 200, () => send('GET', endpoints)],
    ['get', endpoints, 400, () => send('GET', `${endpoints}?limit=0`)],
    ['get', oneEndpoint, 200, () => send('GET', `${endpoints}/llm`)],
    ['get', oneEndpoint, 404, () => send('GET', `${endpoints}/nobody`)],
    [
      'put',
      `${oneEndpoint}/status`,
      200,
      () => send('PUT', `${endpoints}/llm/status`, { status: 'inactive' }),
    ],
    ['put', `${oneEndpoint}/status`, 400, () => send('PUT', `${endpoints}/llm/status`, { status: 'ill' })],
    ['delete', oneEndpoint, 200, () => send('DELETE', `${endpoints}/llm`)],
    ['delete', oneEndpoint, 404, () => send('DELETE', `${endpoints}/llm`)],
    ['get', '/registry/stats', 200, () => send('GET', '/registry/stats')],
    ['post', '/registry/sync', 200, () => send('POST', '/registry/sync')],
    ['post', '/config/reload', 200, () => send('POST', '/config/reload')],
    [
      'post',
      '/config/reload',
      422,
      async () => {
        const before = readFileSync(registryFile(), 'utf8');
        writeFileSync(registryFile(), 'detectors: [{ name: a }]');
        try {
          return await send('POST', '/config/reload');
        } finally {
          writeFileSync(registryFile(), before);
        }
      },
    ],
    ['get', '/config/status', 200, () => send('GET', '/config/status')],
    ['get', '/config/endpoints', 200, () => send('GET', '/config/endpoints')],
    ['post', '/config/validate', 200, () => send('POST', '/config/validate', { document: { detectors: 1 } })],
    ['post', '/config/validate', 400, () => send('POST', '/config/validate', { config_path: '../x' })],
  ];
}
