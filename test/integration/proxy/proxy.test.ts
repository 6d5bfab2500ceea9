import type { OrchestrationResponse } from '../../../src/contract/answer';
import { eventually } from '../../support/eventually';
import { status as answersWith } from '../../support/fake-detectors';
import { MockUpstream } from '../../support/mock-upstream';
import { System } from '../../support/system';

const upstream = new MockUpstream();
// Checks would be seen among the calls.
const unwatched = { health_check: { enabled: false } };
const endpoint = (fields: object = {}) => ({
  config: { name: 'people', url: upstream.url, methods: ['GET', 'POST'], ...unwatched, ...fields },
  verify: false,
});

let system: System;
beforeAll(async () => {
  await upstream.listen();
  system = await System.start({
    detectors: [{ name: 'both', max_retries: 0 }],
    env: {
      ORCHESTRATION_ROUTER__PROXY_DETECTORS: 'true',
      ORCHESTRATION_ORCHESTRATION__CACHE_ENABLED: 'false',
      ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
      ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
    },
  });
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
      routes: [
        { endpoint_id: 'both@1.0', circuit_breaker_state: 'closed' },
        { endpoint_id: 'people', circuit_breaker_state: 'closed' },
      ],
    });
    const metrics = await eventually(
      async () => (await fetch(`${system.url}/metrics`)).text(),
      (page) => page.includes('gateway_requests_total{endpoint_id="people"'),
    );
    expect(metrics).toContain('gateway_request_duration_seconds_count{endpoint_id="people",method="POST"} 1');
    expect((await system.request('DELETE', '/registry/endpoints/people')).status).toBe(200);
    expect((await system.request('POST', '/proxy/people/users', {})).status).toBe(404);
  });

  it('shares the outcome of calls with the activities that ask the same detector [B10]', async () => {
    const judged = async () => {
      const { body } = await system.orchestrate<{ response: OrchestrationResponse }>();
      return body.response.detector_results[0];
    };
    const proxied = () =>
      system.request<{ code?: string }>('POST', '/proxy/both/api/v1/text/contents', { contents: ['a'] });
    const { failure_count: before } = (
      await system.request<{ failure_count: number }>('GET', '/circuit-breaker/endpoints/both')
    ).body;
    system.detectors.behave('both', answersWith(500));
    // Five failures in a row open it: two of the activity, three of the proxy.
    for (let call = 0; call < 2; call++) expect((await judged())?.status).toBe('failed');
    for (let call = 0; call < 3; call++) {
      const headers = { 'detector-id': 'both' };
      const path = '/proxy/both/api/v1/text/contents';
      expect((await system.request('POST', path, { contents: ['a'] }, headers)).status).toBe(500);
    }
    const asked = system.detectors.calls.length;
    expect([(await proxied()).body?.code, (await judged())?.error]).toEqual(['CIRCUIT_OPEN', 'circuit_open']);
    expect(system.detectors.calls).toHaveLength(asked);
    expect((await system.request('GET', '/circuit-breaker/endpoints/both')).body).toMatchObject({
      state: 'open',
      failure_count: before + 5,
    });
    await system.request('POST', '/circuit-breaker/reset/both');
    system.detectors.reset();
  });

  it('opens the breaker that operators see, and asks again after a reset [B3]', async () => {
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
