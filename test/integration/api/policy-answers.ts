import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

/** How the answers of the operations on policies are come by, in this order. */
export function policyAnswers(of: () => System): Ask[] {
  const send = (method: string, route: string, body?: unknown, headers = {}) =>
    of().request(method, route, body, { 'X-Tenant-ID': 'acme', 'X-Principal': 'ann', ...headers });
  const asBob = { 'X-Principal': 'bob' };
  const put = (fields: object = {}, options: object = {}, headers = {}) =>
    send(
      'PUT',
      '/policies/documented',
      {
        policy: {
          required_detectors: ['b'],
          coverage_calculation: { calculation_method: 'required_set' },
          ...fields,
        },
        ...options,
      },
      headers,
    );
  const one = '/policies/{bundle}';
  const version = `${one}/versions/{version}`;
  const at = (number: string, action: string) => `/policies/documented/versions/${number}/${action}`;
  return [
    ['get', '/policies', 200, () => send('GET', '/policies')],
    ['get', '/policies', 400, () => send('GET', '/policies?limit=0')],
    ['put', one, 201, () => put({}, { draft: true })],
    ['put', one, 400, () => put({ threshold: 1 })],
    ['put', one, 403, () => put({ tenant_id: 'globex' })],
    ['put', one, 409, () => put({ version: '1.0' })],
    ['get', one, 200, () => send('GET', '/policies/documented?version=1.0')],
    ['get', one, 400, () => send('GET', '/policies/documented?version=one')],
    ['get', one, 404, () => send('GET', '/policies/nothing')],
    ['post', `${version}/submit`, 200, () => send('POST', at('1.0', 'submit'))],
    ['post', `${version}/submit`, 409, () => send('POST', at('1.0', 'submit'))],
    ['post', `${version}/review`, 403, () => send('POST', at('1.0', 'review'), { decision: 'approve' })],
    [
      'post',
      `${version}/review`,
      200,
      () => send('POST', at('1.0', 'review'), { decision: 'approve', activate: false }, asBob),
    ],
    [
      'post',
      `${version}/review`,
      409,
      () => send('POST', at('1.0', 'review'), { decision: 'reject' }, asBob),
    ],
    ['post', `${version}/activate`, 200, () => send('POST', at('1.0', 'activate'))],
    ['post', `${version}/activate`, 404, () => send('POST', at('7.0', 'activate'))],
    [
      'post',
      `${version}/rollback`,
      200,
      async () => {
        await put({ required_detectors: ['toxicity'] });
        return send('POST', at('1.0', 'rollback'), { reason: 'as before' });
      },
    ],
    ['post', `${version}/rollback`, 409, () => send('POST', at('1.1', 'rollback'), { reason: 'no' })],
    ['post', `${version}/rollback`, 400, () => send('POST', at('1.0', 'rollback'), {})],
    ['get', `${one}/versions`, 200, () => send('GET', '/policies/documented/versions?limit=1')],
    ['get', `${one}/versions`, 404, () => send('GET', '/policies/nothing/versions')],
    ['get', `${one}/diff`, 200, () => send('GET', '/policies/documented/diff?from=1.0&to=1.1')],
    ['get', `${one}/diff`, 400, () => send('GET', '/policies/documented/diff')],
    ['post', '/policies/migrate', 200, () => send('POST', '/policies/migrate', { dry_run: true })],
    ['post', '/policies/migrate', 404, () => send('POST', '/policies/migrate', { policy_bundle: 'nothing' })],
    ['delete', one, 409, () => send('DELETE', '/policies/documented', undefined, { 'If-Match': '"older"' })],
    ['delete', one, 204, () => send('DELETE', '/policies/documented')],
    ['delete', one, 404, () => send('DELETE', '/policies/documented')],
    ['post', '/policies/validate', 200, () => send('POST', '/policies/validate', candidate)],
    ['post', '/policies/validate', 400, () => send('POST', '/policies/validate', {})],
    [
      'post',
      '/policies/validate',
      403,
      () => send('POST', '/policies/validate', candidate, { 'X-Tenant-ID': 'other' }),
    ],
  ];
}

const candidate = {
  policy_bundle: 'candidate',
  policy: {
    tenant_id: 'acme',
    policy_bundle: 'candidate',
    coverage_calculation: { calculation_method: 'required_set' },
    required_detectors: ['toxicity', 'nobody'],
  },
};
