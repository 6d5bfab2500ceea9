import { eventually } from '../../support/eventually';
import { MockUpstream } from '../../support/mock-upstream';
import { System } from '../../support/system';

const upstream = new MockUpstream();
const endpoint = (fields: object = {}) => ({
  config: { name: 'people', url: upstream.url, methods: ['GET', 'POST'], ...fields },
  verify: false,
});

let system: System;
beforeAll(async () => {
  await upstream.listen();
  system = await System.start();
});
afterAll(async () => {
  await system?.stop();
  upstream.close();
});
beforeEach(() => upstream.reset());

const register = async (fields: object = {}) => {
  const { status } = await system.request('POST', '/registry/endpoints', endpoint(fields));
  expect([200, 201]).toContain(status);
};

describe('The proxy of a running facade', () => {
  it('serves what is registered and stops when it is not, without refresh [P1] [P2] [P8] [P10]', async () => {
    upstream.answer(200, { 'content-type': 'application/json' }, '{"name":"somebody"}');
    expect((await system.request('GET', '/proxy/people/users')).status).toBe(404);
    await register();
    const answer = await system.request('POST', '/proxy/people/users?a=1&a=2', { any: 'body' });
    expect([answer.status, answer.body]).toEqual([200, { name: 'somebody' }]);
    expect(answer.headers.get('x-orchestrated-by')).toBe('orchestrator-gateway');
    expect(upstream.seen.at(-1)).toMatchObject({
      method: 'POST',
      url: '/users?a=1&a=2',
      body: '{"any":"body"}',
    });
    expect((await system.request('GET', '/router/routes')).body).toMatchObject({
      routes: [{ endpoint_id: 'people', circuit_breaker_state: 'closed' }],
    });
    const metrics = await eventually(
      async () => (await fetch(`${system.url}/metrics`)).text(),
      (page) => page.includes('gateway_requests_total{endpoint_id="people"'),
    );
    expect(metrics).toContain('gateway_request_duration_seconds_count{endpoint_id="people",method="POST"} 1');
    expect((await system.request('DELETE', '/registry/endpoints/people')).status).toBe(200);
    expect((await system.request('POST', '/proxy/people/users', {})).status).toBe(404);
  });

  it('opens the breaker that operators see, and asks again after a reset [B3] [B10]', async () => {
    await register({
      name: 'failing',
      url: `${upstream.url}/failing`,
      circuit_breaker: { failure_threshold: 2 },
    });
    upstream.answer(500, { 'content-type': 'application/json' }, '{}');
    for (let call = 0; call < 2; call++) {
      expect((await system.request('GET', '/proxy/failing/x')).status).toBe(500);
    }
    const asked = upstream.seen.length;
    const refused = await system.request('GET', '/proxy/failing/x');
    expect([refused.status, refused.body]).toEqual([503, expect.objectContaining({ code: 'CIRCUIT_OPEN' })]);
    expect(upstream.seen).toHaveLength(asked);
    expect((await system.request('GET', '/circuit-breaker/endpoints/failing')).body).toMatchObject({
      state: 'open',
    });
    upstream.answer(200, { 'content-type': 'application/json' }, '{}');
    expect((await system.request('POST', '/circuit-breaker/reset/failing')).status).toBe(200);
    expect((await system.request('GET', '/proxy/failing/x')).status).toBe(200);
  });

  it('keeps off an upstream that health has found unhealthy, until it is well again [H2]', async () => {
    upstream.answer(503, { 'content-type': 'application/json' }, '{}');
    const health_check = { unhealthy_threshold: 1, healthy_threshold: 1, remove_unhealthy: true };
    await register({
      name: 'ailing',
      url: `${upstream.url}/ailing`,
      health_check_path: '/health',
      health_check,
    });
    const check = () => system.request<{ success: boolean }>('POST', '/health/check/ailing');
    await check();
    const away = await eventually(
      () => system.request<{ code: string }>('GET', '/proxy/ailing/x'),
      ({ body }) => body?.code === 'ENDPOINT_UNHEALTHY',
    );
    expect(away.status).toBe(503);
    upstream.answer(200, { 'content-type': 'application/json' }, '{}');
    await check();
    await eventually(
      () => system.request('GET', '/proxy/ailing/x'),
      ({ status }) => status === 200,
    );
  });
});
