import request from 'supertest';
import type { BreakerForce } from '../../../src/contract/breaker';
import {
  breakerForcedSchema,
  breakerInfoSchema,
  breakerStatusSchema,
  openBreakersSchema,
} from '../../../src/contract/breaker-api';
import { appWith, registration, watched } from './support';

const path = '/api/v1/circuit-breaker';

async function setup(store: 'there' | 'away' = 'there') {
  const detectors = await watched([
    registration('pii'),
    registration('images'),
    registration('images', { version: '2.0' }),
  ]);
  const { breakers } = detectors;
  const forces: BreakerForce[] = [];
  const sharing = {
    async force(endpointId: string, force: BreakerForce) {
      if (store === 'away') throw new Error('no connection');
      forces.push(force);
      const merge = breakers.forced(endpointId, force.action)!;
      const { transitions, ...merged } = merge.after(null);
      breakers.learned({ endpoint_id: endpointId, url: merge.url, ...merged, transitions });
      return true;
    },
  };
  for (let failure = 0; failure < 5; failure++) breakers.record('images@1.0', 'failure', 0);
  breakers.record('pii@1.0', 'success', 0);
  return { agent: request(await appWith({ detectors, sharing })), breakers, forces };
}

describe('GET /circuit-breaker/status', () => {
  it.each([`${path}/status`, '/api/v1/health/circuit-breakers'])(
    'tells of every breaker, and of all [B6]: %s',
    async (url) => {
      const { agent } = await setup();
      const { summary, circuit_breakers } = breakerStatusSchema.parse((await agent.get(url)).body);
      expect(summary).toEqual({
        total_circuit_breakers: 3,
        open_breakers: 1,
        half_open_breakers: 0,
        closed_breakers: 2,
        health_percentage: 66.67,
      });
      expect(circuit_breakers.map(({ endpoint_id, state }) => [endpoint_id, state])).toEqual([
        ['images@1.0', 'open'],
        ['images@2.0', 'closed'],
        ['pii@1.0', 'closed'],
      ]);
    },
  );

  it('lists the open ones', async () => {
    const { agent } = await setup();
    const body = openBreakersSchema.parse((await agent.get('/api/v1/health/circuit-breakers/open')).body);
    expect(body).toMatchObject({ count: 1, open_circuit_breakers: [{ endpoint_id: 'images@1.0' }] });
  });
});

describe('GET /circuit-breaker/endpoints/{endpoint_id}', () => {
  it('tells what one has seen, with its transitions [B6] [B7]', async () => {
    const { agent, breakers } = await setup();
    breakers.admit('images@1.0');
    breakers.fellBack('images@1.0', 'error_response');
    const info = breakerInfoSchema.parse((await agent.get(`${path}/endpoints/images@1.0`)).body);
    expect(info).toMatchObject({
      state: 'open',
      failure_count: 5,
      success_count: 0,
      failure_rate: 1,
      prevented_calls: 1,
      fallback_count: 1,
      effectiveness: 0.166667,
      transitions: [{ from: 'closed', to: 'open', reason: 'failures' }],
      config: { failure_threshold: 5, reset_timeout: 60, half_open_max_calls: 3 },
    });
    expect(Date.parse(info.next_attempt_at!) - Date.parse(info.state_changed_time!)).toBe(60_000);
  });

  it('takes a bare name', async () => {
    const { agent } = await setup();
    expect((await agent.get(`${path}/endpoints/pii`)).body).toMatchObject({
      endpoint_id: 'pii@1.0',
      state: 'closed',
      failure_rate: 0,
      success_count: 1,
      state_changed_time: null,
      next_attempt_at: null,
    });
  });

  it.each(['get', 'post'] as const)('knows no other: %s', async (method) => {
    const { agent } = await setup();
    const route = method === 'get' ? 'endpoints' : 'trip';
    const response = await agent[method](`${path}/${route}/nobody`);
    expect(response.status).toBe(404);
    expect(response.body).toMatchObject({ error_code: 'ENDPOINT_NOT_FOUND', code: 'ENDPOINT_NOT_FOUND' });
  });
});

describe('POST /circuit-breaker/trip and reset', () => {
  it('does so, in the name of who asked [B6]', async () => {
    const { agent, breakers, forces } = await setup();
    const tripped = await agent.post(`${path}/trip/pii@1.0`).set('X-Tenant-ID', 'acme');
    expect(breakerForcedSchema.parse(tripped.body)).toMatchObject({ endpoint_id: 'pii@1.0', state: 'open' });
    expect(breakers.admit('pii@1.0').admitted).toBe(false);
    const reset = await agent.post(`${path}/reset/pii`).set('X-Correlation-ID', 'c-9');
    expect(breakerForcedSchema.parse(reset.body)).toMatchObject({ endpoint_id: 'pii@1.0', state: 'closed' });
    expect(forces).toMatchObject([
      { action: 'trip', tenantId: 'acme', requestId: tripped.headers['x-request-id'] },
      { action: 'reset', tenantId: null, correlationId: 'c-9' },
    ]);
  });

  it('says so when the store is away, and has changed nothing', async () => {
    const { agent, breakers } = await setup('away');
    const response = await agent.post(`${path}/trip/pii`);
    expect([response.status, (response.body as { error_code: string }).error_code]).toEqual([
      503,
      'STORE_UNAVAILABLE',
    ]);
    expect(breakers.stateOf('pii@1.0')).toBe('closed');
  });
});
