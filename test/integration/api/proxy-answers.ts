import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

const passage = '/proxy/{name}/{rest}';

/** How the answers of the proxy's operations are come by, in this order. @param upstreamUrl of who answers in JSON */
export function proxyAnswers(of: () => System, upstreamUrl: () => string): Ask[] {
  const send = (method: string, route: string, body?: unknown) => of().request(method, route, body);
  const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'];
  const register = (fields: object = {}) =>
    send('POST', '/registry/endpoints', {
      config: { name: 'proxied', url: upstreamUrl(), methods, ...fields },
      verify: false,
    });
  return [
    ...methods.map((method): Ask => [
      method.toLowerCase(),
      passage,
      200,
      async () => {
        await register();
        return send(method, '/proxy/proxied/anything');
      },
    ]),
    ['get', passage, 404, () => send('GET', '/proxy/nobody/anything')],
    [
      'post',
      passage,
      405,
      async () => {
        await register({ name: 'read-only', url: `${upstreamUrl()}/read-only`, methods: ['GET'] });
        return send('POST', '/proxy/read-only/anything', {});
      },
    ],
    ['get', '/router/routes', 200, () => send('GET', '/router/routes')],
    ['get', '/router/test/{endpoint_id}', 200, () => send('GET', '/router/test/proxied')],
    ['get', '/router/test/{endpoint_id}', 404, () => send('GET', '/router/test/nobody')],
    ['post', '/router/refresh', 200, () => send('POST', '/router/refresh')],
    ['get', '/router/debug/{path}', 200, () => send('GET', '/router/debug/proxied/anything')],
  ];
}
