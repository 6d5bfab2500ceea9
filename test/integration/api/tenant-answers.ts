import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

/** How the answers of the operations on tenants are come by. */
export function tenantAnswers(of: () => System): Ask[] {
  const send = (method: string, route: string, body?: unknown) => of().request(method, route, body);
  const put = (fields: object = {}) => send('PUT', '/tenants/umbrella', { name: 'Umbrella', ...fields });
  const one = '/tenants/{tenant_id}';
  return [
    ['put', one, 200, () => put({ callback_hosts: ['hooks.umbrella.example'], quotas: { bundles: 7 } })],
    ['put', one, 400, () => send('PUT', '/tenants/nobody', {})],
    ['put', one, 400, () => put({ status: 'deleted' })],
    ['get', one, 200, async () => (await put(), send('GET', '/tenants/umbrella'))],
    ['get', one, 400, () => send('GET', '/tenants/a%20b')],
    ['get', one, 404, () => send('GET', '/tenants/nobody')],
    ['get', '/tenants', 200, () => send('GET', '/tenants')],
    ['get', '/tenants', 400, () => send('GET', '/tenants?limit=0')],
  ];
}
