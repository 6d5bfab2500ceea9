import request from 'supertest';
import {
  endpointHealthDetailSchema,
  endpointHealthListSchema,
  healthCheckedSchema,
  healthSummarySchema,
  systemHealthSchema,
  unhealthyEndpointsSchema,
} from '../../../src/contract/health-api';
import { HealthReport } from '../../../src/registry/health-report';
import { type AppOptions, appWith, registration, watched } from './support';

const at = new Date('2026-01-02T03:04:05.678Z');
const history = Array.from({ length: 20 }, (_, n) => ({
  at,
  ok: n < 10,
  response_ms: 12,
  error: n < 10 ? null : 'it answered 500',
}));

async function agentWith(options: Pick<AppOptions, 'check'> & { away?: boolean } = {}) {
  const detectors = await watched([registration('pii'), registration('images')], ['images']);
  const report = new HealthReport(detectors.directory, detectors.health, {
    history: (_id, limit) => Promise.resolve(history.slice(0, limit)),
    figures: () =>
      options.away
        ? Promise.reject(new Error('no connection'))
        : Promise.resolve([{ endpoint_id: 'pii@1.0', availability: 0.5, average_ms: 12 }]),
    compliance: () => Promise.resolve(new Map()),
  });
  return request(await appWith({ detectors, report, ...(options.check && { check: options.check }) }));
}
const get = async (path: string): Promise<unknown> =>
  (await (await agentWith()).get(`/api/v1/health${path}`)).body;

describe('The health of upstreams [H5]', () => {
  it('is summed up', async () => {
    const { summary } = healthSummarySchema.parse(await get('/summary'));
    expect(summary).toMatchObject({
      total_endpoints: 2,
      healthy_endpoints: 1,
      unhealthy_endpoints: 1,
      health_percentage: 50,
      average_response_time: 0.012,
    });
    expect(systemHealthSchema.parse(await get('/status'))).toMatchObject({
      system_status: 'unhealthy',
      circuit_breaker_summary: { closed_breakers: 2, health_percentage: 100 },
    });
  });

  it('is listed by id, also those that are out alone', async () => {
    const { endpoints, total_count } = endpointHealthListSchema.parse(await get('/endpoints'));
    expect([total_count, endpoints.map(({ endpoint_id, status }) => [endpoint_id, status])]).toEqual([
      2,
      [
        ['images@1.0', 'unknown'],
        ['pii@1.0', 'healthy'],
      ],
    ]);
    expect(unhealthyEndpointsSchema.parse(await get('/unhealthy')).count).toBe(0);
  });

  it('of one comes with its breaker, its last checks and where it is going', async () => {
    expect(endpointHealthDetailSchema.parse(await get('/endpoints/pii?history=2'))).toMatchObject({
      endpoint_id: 'pii@1.0',
      status: 'healthy',
      response_time: 0.003,
      availability_24h: 0.5,
      sla_compliance: null,
      circuit_breaker: { endpoint_id: 'pii@1.0', state: 'closed' },
      history: [{ at: at.toISOString(), ok: true, response_time: 0.012 }, { ok: true }],
      trend: 'improving',
    });
  });

  it('can be checked by hand', async () => {
    const ids: string[] = [];
    const agent = await agentWith({
      check: async (id) => {
        ids.push(id);
        return ids.length > 1 ? null : { ok: false, response_ms: 8, error: 'it answered 500' };
      },
    });
    const first = await agent.post('/api/v1/health/check/pii');
    expect(healthCheckedSchema.parse(first.body)).toMatchObject({
      success: false,
      result: { ok: false, response_time: 0.008, error_message: 'it answered 500' },
    });
    const second = await agent.post('/api/v1/health/check/pii@1.0');
    expect([second.status, (second.body as { code: string }).code]).toEqual([409, 'CHECK_IN_PROGRESS']);
    expect(ids).toEqual(['pii@1.0', 'pii@1.0']);
  });

  it.each([
    ['get', '/endpoints/nobody'],
    ['post', '/check/nobody'],
  ] as const)('is not known of others: %s %s', async (method, path) => {
    const response = await (await agentWith())[method](`/api/v1/health${path}`);
    expect([response.status, (response.body as { code: string }).code]).toEqual([404, 'ENDPOINT_NOT_FOUND']);
  });

  it('is in the store: without it there is no report', async () => {
    const response = await (await agentWith({ away: true })).get('/api/v1/health/summary');
    expect([response.status, (response.body as { code: string }).code]).toEqual([503, 'STORE_UNAVAILABLE']);
  });
});
