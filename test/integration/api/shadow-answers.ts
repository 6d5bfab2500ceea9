import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

/** How the answers of the operations on shadows are come by, in this order. */
export function shadowAnswers(of: () => System): Ask[] {
  const route = '/policies/{bundle}/shadow';
  const send = (method: string, path: string, body?: unknown) =>
    of().request(method, path, body, { 'X-Tenant-ID': 'acme', 'X-Principal': 'ann' });
  const put = (version: string, requires_approval = false) =>
    send('PUT', '/policies/shadowed', {
      policy: {
        version,
        required_detectors: ['b'],
        coverage_calculation: { calculation_method: 'required_set' },
      },
      requires_approval,
    });
  const start = async (version: string, fields: object = {}) => {
    await put('1.0');
    await put('1.1', true);
    const expires_at = new Date(Date.now() + 86_400_000).toISOString();
    return send('PUT', '/policies/shadowed/shadow', { version, expires_at, ...fields });
  };
  const at = '/policies/shadowed/shadow';
  return [
    ['get', route, 404, () => send('GET', at)],
    ['put', route, 200, () => start('1.1')],
    ['put', route, 400, () => start('1.1', { percent: 101 })],
    ['put', route, 404, () => start('7.0')],
    ['put', route, 409, () => start('1.0')],
    ['get', route, 200, () => send('GET', at)],
    ['delete', route, 204, () => send('DELETE', at)],
    ['delete', route, 404, () => send('DELETE', '/policies/nothing/shadow')],
  ];
}
