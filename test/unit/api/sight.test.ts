import request from 'supertest';
import { anonymous, type Identity } from '../../../src/contract/identity';
import { appWith, registration, watched } from './support';

const known: Identity = { ...anonymous, method: 'api_key' };
const callers: Readonly<Record<string, Identity>> = {
  acme: { ...known, tenantId: 'acme', roles: ['tenant_admin'] },
  globex: { ...known, tenantId: 'globex', roles: ['tenant_admin'] },
  operator: { ...known, roles: ['operator'] },
  superAdmin: known,
};
const sees = ['acme', 'superAdmin'];

async function setup() {
  const detectors = await watched([
    registration('mine', { tenant_scope: 'own', tenant_id: 'acme' }),
    registration('shared'),
  ]);
  const app = await appWith({
    detectors,
    directory: detectors.directory,
    config: { file: { entries: detectors.directory.upstreams } } as never,
    authenticate: ({ apiKey }) => Promise.resolve(callers[apiKey!]!),
  });
  return (who: string, path: string, method: 'get' | 'post' = 'get') =>
    request(app)[method](`/api/v1${path}`).set('X-API-Key', who);
}

const lists = [
  ...['/registry/endpoints', '/config/endpoints', '/circuit-breaker/status', '/health/circuit-breakers'],
  ...['/health/endpoints', '/status'],
];

describe('A detector of one tenant', () => {
  it.each(lists)('is in %s for that tenant and for super admins alone [C.9]', async (path) => {
    const ask = await setup();
    for (const who of Object.keys(callers)) {
      const { status, text } = await ask(who, path);
      expect([who, status, text.includes('shared@1.0')]).toEqual([who, 200, true]);
      expect([who, text.includes('mine')]).toEqual([who, sees.includes(who)]);
    }
  });

  it.each(['/registry/stats', '/health/summary', '/health/status'])(
    'counts in %s for them alone [C.9]',
    async (path) => {
      const ask = await setup();
      const figures = async (who: string) => {
        const { body } = (await ask(who, path)) as {
          body: { registry_stats?: { total: number }; summary?: { total_endpoints: number } };
        };
        return body.registry_stats?.total ?? body.summary?.total_endpoints;
      };
      for (const who of Object.keys(callers))
        expect([who, await figures(who)]).toEqual([who, sees.includes(who) ? 2 : 1]);
    },
  );

  it.each<['get' | 'post', string]>([
    ['get', '/registry/endpoints/acme:mine@1.0'],
    ['get', '/circuit-breaker/endpoints/acme:mine@1.0'],
    ['get', '/health/endpoints/acme:mine@1.0'],
    ['post', '/circuit-breaker/trip/acme:mine@1.0'],
    ['post', '/circuit-breaker/reset/acme:mine@1.0'],
    ['post', '/health/check/acme:mine@1.0'],
  ])('does not exist for others: %s %s [C.9]', async (method, path) => {
    const ask = await setup();
    for (const who of Object.keys(callers)) {
      const { status } = await ask(who, path, method);
      expect([who, status === 404]).toEqual([who, !sees.includes(who)]);
    }
  });
});
