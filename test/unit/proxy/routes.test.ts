import {
  routeDebugSchema,
  routeListSchema,
  routeRefreshSchema,
  routeTestSchema,
} from '../../../src/contract/routes-api';
import { gateway } from './support';

describe('/router', () => {
  const { upstream, directory, unhealthy, breakers, send, refreshed } = gateway();

  async function debug(path: string) {
    const { json } = await send(`/router/debug/${path}`);
    expect(routeDebugSchema.strict().parse(json)).toEqual(json);
    return json;
  }

  it('lists routes with target, status and breaker, page by page [P8]', async () => {
    directory.put({ name: 'b', version: '1.0', url: `${upstream.url}/b`, methods: ['GET', 'PUT'] });
    directory.put({ name: 'a', url: upstream.url, status: 'inactive' });
    directory.put({ name: 'c', url: upstream.url });
    directory.put({ name: 'judge', kind: 'detector', url: upstream.url });
    unhealthy.add('c');
    const { json } = await send('/router/routes');
    expect(routeListSchema.strict().parse(json)).toEqual(json);
    expect(json).toEqual({
      routes: [
        expect.objectContaining({ endpoint_id: 'a', pattern: '/api/v1/proxy/a', status: 'inactive' }),
        {
          endpoint_id: 'b@1.0',
          pattern: '/api/v1/proxy/1.0/b',
          target_url: `${upstream.url}/b`,
          methods: ['GET', 'PUT'],
          status: 'active',
          circuit_breaker_state: 'closed',
        },
        expect.objectContaining({ endpoint_id: 'c', status: 'unhealthy' }),
      ],
      total_count: 3,
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const first = (await send('/router/routes?limit=2')).json;
    expect(first).toMatchObject({ total_count: 3, next_page_token: expect.any(String) });
    const second = (await send(`/router/routes?limit=2&page_token=${first['next_page_token'] as string}`))
      .json;
    expect(second['routes']).toEqual([expect.objectContaining({ endpoint_id: 'c' })]);
    expect(second['next_page_token']).toBeUndefined();
    expect((await send('/router/routes?page_token=made-up')).status).toBe(400);
  });

  it('tries an upstream by its health check, and its breaker learns nothing [P8]', async () => {
    directory.put({
      name: 'x',
      url: `${upstream.url}/base`,
      health_check: { path: '/healthz', headers: { 'x-probe': '1' }, expected_status: [204] },
      auth_type: 'bearer_token',
      auth_config: { secret_ref: 'env:KEY' },
    });
    upstream.answer(204);
    const tried = (await send('/router/test/x')).json;
    expect(routeTestSchema.strict().parse(tried)).toEqual(tried);
    const good = tried['test_result'];
    expect(good).toEqual({
      endpoint_id: 'x',
      url: `${upstream.url}/base`,
      status_code: 204,
      response_time: expect.any(Number),
      success: true,
      error: null,
    });
    expect(upstream.seen[0]).toMatchObject({
      method: 'GET',
      url: '/healthz',
      headers: { 'x-probe': '1', authorization: 'Bearer key' },
    });
    upstream.answer(500);
    expect((await send('/router/test/x')).json['test_result']).toMatchObject({
      status_code: 500,
      success: false,
      error: 'it answered 500',
    });
    expect(breakers.describe('x')!.counts).toMatchObject({ failures: 0, successes: 0 });
  });

  it('judges as the health check does, body and type included [P8]', async () => {
    const health_check = { expected_body: { pointer: '/state', value: 'up' } };
    directory.put({ name: 'x', url: upstream.url, health_check });
    upstream.answer(200, {}, '{"state":"down"}');
    expect((await send('/router/test/x')).json['test_result']).toMatchObject({
      status_code: 200,
      success: false,
      error: 'the answer is not as expected',
    });
    upstream.answer(200, {}, '{"state":"up"}');
    expect((await send('/router/test/x')).json['test_result']).toMatchObject({ success: true });
    upstream.answer(500);
    directory.put({ name: 'x', url: upstream.url, health_check: { type: 'tcp' } });
    expect((await send('/router/test/x')).json['test_result']).toMatchObject({
      status_code: null,
      success: true,
    });
  });

  it('says why an upstream cannot be tried [P8]', async () => {
    directory.put({ name: 'x', url: 'http://127.0.0.1:1' });
    expect((await send('/router/test/x')).json['test_result']).toMatchObject({
      status_code: null,
      success: false,
      error: 'no answer (ECONNREFUSED)',
    });
    const unknown = await send('/router/test/y');
    expect([unknown.status, unknown.json['code']]).toEqual([404, 'ENDPOINT_NOT_FOUND']);
  });

  it('reads the registry anew [P8]', async () => {
    directory.put({ name: 'x', url: upstream.url });
    directory.put({ name: 'y', url: upstream.url, status: 'inactive' });
    const before = refreshed();
    const { json } = await send('/router/refresh', { method: 'POST' });
    expect(routeRefreshSchema.strict().parse(json)).toEqual(json);
    expect(json).toMatchObject({
      success: true,
      active_routes_count: 1,
    });
    expect(refreshed()).toBe(before + 1);
  });

  describe('debug [P8]', () => {
    it('says where a request would go', async () => {
      directory.put({ name: 'users', version: '1.0', url: `${upstream.url}/base` });
      expect(await debug('1.0/users/a%20b?method=get')).toEqual({
        input_path: '/1.0/users/a%20b',
        normalized_path: '/1.0/users/a%20b',
        matched_endpoint: {
          endpoint_id: 'users@1.0',
          name: 'users',
          url: `${upstream.url}/base`,
          methods: ['GET'],
          status: 'active',
        },
        relative_path: '/a%20b',
        would_forward_to: `${upstream.url}/base/a%20b`,
        blocked_by: null,
        error: null,
      });
      expect(upstream.seen).toEqual([]);
    });

    it('says what would block it', async () => {
      expect(await debug('nobody')).toMatchObject({ matched_endpoint: null, blocked_by: 'ROUTE_NOT_FOUND' });
      directory.put({ name: 'users', url: upstream.url, circuit_breaker: { failure_threshold: 1 } });
      expect(await debug('users?method=POST')).toMatchObject({ blocked_by: 'METHOD_NOT_ALLOWED' });
      expect((await send('/router/debug/users/%2e%2e/x')).json).toMatchObject({ detail: 'waf_blocked' });
      unhealthy.add('users');
      expect(await debug('users')).toMatchObject({ blocked_by: 'ENDPOINT_UNHEALTHY' });
      unhealthy.clear();
      upstream.answer(500);
      await send('/proxy/users');
      expect(await debug('users')).toMatchObject({ blocked_by: 'CIRCUIT_OPEN' });
      directory.put({ name: 'users', url: upstream.url, status: 'inactive' });
      expect(await debug('users')).toMatchObject({ blocked_by: 'ENDPOINT_DISABLED' });
      directory.put({ name: 'inside', url: upstream.url, allow_private_network: false });
      expect(await debug('inside')).toMatchObject({
        blocked_by: 'UPSTREAM_UNREACHABLE',
        error: 'the host leads to a private network',
      });
    });
  });
});
