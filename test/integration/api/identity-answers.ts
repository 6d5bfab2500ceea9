import type { CreatedApiKey } from '../../../src/contract/api-keys';
import type { TokenPairAnswer } from '../../../src/contract/auth-api';
import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

/** What a facade needs to answer so. */
export const identityEnv = {
  ORCHESTRATION_JWT_SECRET_KEY: 'a secret of the document’s own test',
  ORCHESTRATION_AUTH__DEV_TOKENS: 'true',
};

/** How the answers of the operations on keys and tokens are come by. */
export function identityAnswers(of: () => System): Ask[] {
  const send = (method: string, route: string, body?: unknown) => of().request(method, route, body);
  const key = async (): Promise<string> => {
    const wanted = { tenant_id: 'acme', description: 'of the document', roles: ['viewer'] };
    return ((await send('POST', '/api-keys', wanted)).body as CreatedApiKey).key_id;
  };
  const devToken = (fields: object = {}) =>
    send('POST', '/auth/dev-token', { sub: 'ann', tenant_id: 'acme', roles: ['viewer'], ...fields });
  const pair = async () => (await devToken()).body as TokenPairAnswer;
  const one = '/api-keys/{key_id}';
  return [
    [
      'post',
      '/api-keys',
      201,
      () => send('POST', '/api-keys', { tenant_id: null, description: 'x', scopes: ['audit:read'] }),
    ],
    ['post', '/api-keys', 400, () => send('POST', '/api-keys', { description: 'x' })],
    ['post', '/api-keys', 400, () => send('POST', '/api-keys', { description: 'x', roles: ['viewer'] })],
    ['get', '/api-keys', 200, () => send('GET', '/api-keys')],
    ['get', '/api-keys', 400, () => send('GET', '/api-keys?limit=0')],
    ['post', `${one}/rotate`, 201, async () => send('POST', `/api-keys/${await key()}/rotate`)],
    ['post', `${one}/rotate`, 404, () => send('POST', '/api-keys/none/rotate')],
    ['delete', one, 204, async () => send('DELETE', `/api-keys/${await key()}`)],
    ['delete', one, 404, () => send('DELETE', '/api-keys/none')],
    ['post', '/auth/dev-token', 201, () => devToken()],
    ['post', '/auth/dev-token', 400, () => devToken({ tenant_id: null })],
    [
      'post',
      '/auth/validate',
      200,
      async () => send('POST', '/auth/validate', { token: (await pair()).access_token }),
    ],
    ['post', '/auth/validate', 200, () => send('POST', '/auth/validate', { token: 'none' })],
    ['get', '/auth/user', 200, () => send('GET', '/auth/user')],
    [
      'post',
      '/auth/refresh',
      200,
      async () => send('POST', '/auth/refresh', { refresh_token: (await pair()).refresh_token }),
    ],
    ['post', '/auth/refresh', 401, () => send('POST', '/auth/refresh', { refresh_token: 'none' })],
    ['post', '/auth/logout', 204, () => send('POST', '/auth/logout')],
    ['post', '/auth/revoke', 204, () => send('POST', '/auth/revoke', { jti: 'of-the-document' })],
    ['post', '/auth/revoke', 400, () => send('POST', '/auth/revoke', {})],
  ];
}
