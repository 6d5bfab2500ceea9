import { eventually } from '../../support/eventually';
import { gateway } from './support';

const all = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'] as const;

describe('The proxy', () => {
  const { upstream, directory, unhealthy, metrics, lines, send } = gateway();

  it.each(all)('passes on %s with path, raw query, body and headers [P1]', async (method) => {
    directory.put({ name: 'users', url: `${upstream.url}/base`, methods: [...all] });
    const body = method === 'GET' || method === 'HEAD' ? undefined : '{"a": 1}';
    const answer = await send('/proxy/users/a%20b/c%2Fd?b=2&a=1&a=&%C3%A9', {
      method,
      headers: { 'content-type': 'application/json', cookie: 'a=1; b=2', 'x-own': 'kept' },
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status).toBe(200);
    expect(answer.text).toBe(method === 'HEAD' ? '' : 'fine');
    expect(upstream.seen).toHaveLength(1);
    expect(upstream.seen[0]).toMatchObject({
      method,
      url: '/base/a%20b/c%2Fd?b=2&a=1&a=&%C3%A9',
      body: body ?? '',
      headers: { 'content-type': 'application/json', cookie: 'a=1; b=2', 'x-own': 'kept' },
    });
  });

  it('takes the URL of the upstream for the empty rest, and merges its query first', async () => {
    directory.put({ name: 'users', url: `${upstream.url}/base?key=1` });
    await send('/proxy/users');
    await send('/proxy/users?x');
    await send('/proxy/users/');
    await send('/proxy/users//a/?x=1&&y');
    expect(upstream.seen.map(({ url }) => url)).toEqual([
      '/base?key=1',
      '/base?key=1&x',
      '/base/?key=1',
      '/base//a/?key=1&x=1&&y',
    ]);
  });

  describe('routes', () => {
    it('match whole segments: an id, then version and name, then a name [P11]', async () => {
      directory.put({ name: 'users', url: `${upstream.url}/bare` });
      directory.put({ name: 'users', version: '1.0', url: `${upstream.url}/one` });
      directory.put({ name: 'users', version: '2.0', url: `${upstream.url}/two` });
      directory.put({ name: 'items', version: '1.0', url: `${upstream.url}/items1` });
      directory.put({ name: 'items', version: '1.5', url: `${upstream.url}/items2` });
      for (const path of ['users/x', 'users@1.0/x', '2.0/users/x', 'items/x', '1.0/items/x']) {
        expect((await send(`/proxy/${path}`)).status).toBe(200);
      }
      expect(upstream.seen.map(({ url }) => url)).toEqual([
        '/bare/x',
        '/one/x',
        '/two/x',
        '/items2/x',
        '/items1/x',
      ]);
    });

    it.each(['users_admin', 'user', 'USERS', '', 'users%2Fx', '3.0/users', 'judge'])(
      'there is none for %s [P11]',
      async (path) => {
        directory.put({ name: 'users', url: upstream.url });
        directory.put({ name: 'judge', kind: 'detector', url: upstream.url });
        const answer = await send(`/proxy/${path}`);
        expect([answer.status, answer.json['code']]).toEqual([404, 'ROUTE_NOT_FOUND']);
      },
    );

    it('appear, move and vanish with the registry, without refresh [P2]', async () => {
      expect((await send('/proxy/users')).status).toBe(404);
      directory.put({ name: 'users', url: `${upstream.url}/a` });
      expect((await send('/proxy/users')).status).toBe(200);
      directory.put({ name: 'users', url: `${upstream.url}/b` });
      expect((await send('/proxy/users')).status).toBe(200);
      directory.remove('users');
      expect((await send('/proxy/users')).status).toBe(404);
      expect(upstream.seen.map(({ url }) => url)).toEqual(['/a', '/b']);
    });
  });

  describe('guards', () => {
    it('refuse a method with those that are allowed; who may GET may HEAD', async () => {
      directory.put({ name: 'users', url: upstream.url, methods: ['GET', 'POST'] });
      const refused = await send('/proxy/users', { method: 'DELETE' });
      expect([refused.status, refused.json['code'], refused.headers['allow']]).toEqual([
        405,
        'METHOD_NOT_ALLOWED',
        'GET, POST, HEAD',
      ]);
      expect((await send('/proxy/users', { method: 'HEAD' })).status).toBe(200);
    });

    it('answer OPTIONS as CORS, unless the upstream is asked itself', async () => {
      directory.put({ name: 'users', url: upstream.url, methods: ['GET', 'PUT'] });
      const preflight = { origin: 'https://app.example', 'access-control-request-method': 'PUT' };
      const answer = await send('/proxy/users', { method: 'OPTIONS', headers: preflight });
      expect(answer.status).toBe(204);
      expect(answer.headers).toMatchObject({
        allow: 'GET, PUT, HEAD',
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET,PUT,HEAD',
      });
      expect(upstream.seen).toEqual([]);
      directory.put({ name: 'users', url: upstream.url, methods: ['OPTIONS'] });
      expect((await send('/proxy/users', { method: 'OPTIONS', headers: preflight })).text).toBe('fine');
    });

    it.each([
      [{ status: 'disabled' as const }, 503, 'ENDPOINT_DISABLED'],
      [{ status: 'inactive' as const }, 503, 'ENDPOINT_DISABLED'],
    ])('%j: %d %s', async (fields, status, code) => {
      directory.put({ name: 'users', url: upstream.url, ...fields });
      directory.put({ name: 'items', version: '1.0', url: upstream.url, ...fields });
      for (const path of ['users', 'items', '1.0/items']) {
        const answer = await send(`/proxy/${path}`);
        expect([answer.status, answer.json['code']]).toEqual([status, code]);
      }
      expect(upstream.seen).toEqual([]);
    });

    it('refuse what health has taken out, until it is back', async () => {
      directory.put({ name: 'users', url: upstream.url });
      unhealthy.add('users');
      const answer = await send('/proxy/users');
      expect([answer.status, answer.json['code'], answer.json['retryable']]).toEqual([
        503,
        'ENDPOINT_UNHEALTHY',
        true,
      ]);
      unhealthy.clear();
      expect((await send('/proxy/users')).status).toBe(200);
    });

    it('refuse a body over the cap before anything is passed on [P9]', async () => {
      directory.put({ name: 'users', url: upstream.url, methods: ['POST'], max_body_bytes: 10 });
      const answer = await send('/proxy/users', { method: 'POST', body: 'x'.repeat(11) });
      expect([answer.status, answer.json['code']]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
      expect(upstream.seen).toEqual([]);
      expect((await send('/proxy/users', { method: 'POST', body: 'x'.repeat(10) })).status).toBe(200);
    });

    it.each([
      ['x-gateway-authorization', 'Bearer x'],
      ['x-gateway-key', 'x'],
      ['authorization', 'Bearer x'],
      ['x-api-key', 'x'],
    ])('refuse a credential that is meant for us, and that nobody knows: %s', async (name, value) => {
      directory.put({ name: 'users', url: upstream.url });
      const answer = await send('/proxy/users', { headers: { [name]: value } });
      expect([answer.status, answer.json['detail']]).toEqual([401, 'unknown_credential']);
      expect(upstream.seen).toEqual([]);
    });
  });

  it('gives every request an id, a time and a line of log, errors included [P9]', async () => {
    directory.put({ name: 'users', url: upstream.url });
    for (const path of ['users', 'nobody', 'users/../x']) {
      const answer = await send(`/proxy/${path}?token=hush`, { headers: { 'x-correlation-id': 'corr-1' } });
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.headers['x-correlation-id']).toBe('corr-1');
      expect(answer.headers['x-response-time']).toMatch(/^\d+\.\d{3}s$/);
    }
    await eventually(
      () => lines.length,
      (length) => length === 3,
    );
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(logged[0]).toMatchObject({
      endpoint_id: 'users',
      method: 'GET',
      status: 200,
      correlation_id: 'corr-1',
    });
    expect(logged[1]).toMatchObject({ endpoint_id: 'none', status: 404, code: 'ROUTE_NOT_FOUND' });
    // The firewall comes before anything is looked for.
    expect(logged[2]).toMatchObject({ endpoint_id: 'none', status: 400, code: 'INVALID_REQUEST' });
    expect(lines.join()).not.toContain('hush');
  });

  it('counts success, failure and duration by upstream [P10]', async () => {
    directory.put({ name: 'counted', url: upstream.url });
    directory.put({ name: 'gone', url: 'http://127.0.0.1:1' });
    await send('/proxy/counted');
    upstream.answer(500);
    await send('/proxy/counted');
    await send('/proxy/gone');
    const text = await eventually(
      () => metrics.page(),
      (page) => page.includes('gateway_inflight_requests 0'),
    );
    expect(text).toContain('gateway_requests_total{endpoint_id="counted",method="GET",status_class="2xx"} 1');
    expect(text).toContain('gateway_requests_total{endpoint_id="counted",method="GET",status_class="5xx"} 1');
    expect(text).toContain('gateway_request_duration_seconds_count{endpoint_id="counted",method="GET"} 2');
    expect(text).toContain('gateway_upstream_errors_total{endpoint_id="gone",code="UPSTREAM_UNREACHABLE"} 1');
  });
});
