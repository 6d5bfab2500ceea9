import request from 'supertest';
import type { Simulate, SimulationView } from '../../../src/contract/simulation';
import { appWith, expectError } from './support';

const id = 'a5d1f2a0-0000-4000-8000-000000000001';
const simulation: SimulationView = {
  simulation_id: id,
  tenant_id: 'acme',
  policy_bundle: 'default',
  candidate: { version: '1.1', digest: 'd', stored: true },
  since: '2026-11-14T10:00:00.000Z',
  until: '2026-11-21T10:00:00.000Z',
  status: 'pending',
  total: 3,
  replayed: 0,
  progress: 0,
  created_at: '2026-11-21T10:00:00.000Z',
  started_at: null,
  completed_at: null,
  error: null,
  report: null,
};

describe('POST /policies/{bundle}/simulate', () => {
  async function simulate(body: object) {
    const begun: [unknown, Simulate, unknown][] = [];
    const app = await appWith({
      simulations: { begin: async (...asked) => (begun.push(asked), simulation) },
    });
    const response = await request(app)
      .post('/api/v1/policies/default/simulate')
      .set('x-tenant-id', 'acme')
      .set('x-principal', 'ann')
      .send(body);
    return { response, begun };
  }

  it('begins one, and says where to ask for it', async () => {
    const { response, begun } = await simulate({ version: '1.1', since: '2026-11-14T10:00:00Z' });
    expect([response.status, response.headers['location'], response.body]).toEqual([
      202,
      `/api/v1/policies/default/simulations/${id}`,
      simulation,
    ]);
    expect(begun).toEqual([
      [
        { tenant_id: 'acme', policy_bundle: 'default' },
        { version: '1.1', since: '2026-11-14T10:00:00Z', rego: {} },
        { principal: 'ann', correlationId: expect.any(String) },
      ],
    ]);
  });

  it.each<readonly [string, object, string]>([
    ['neither version nor policy', {}, 'version'],
    ['both', { version: '1.1', policy: {} }, 'version'],
    ['Rego beside a version', { version: '1.1', rego: { 'a.rego': 'package orchestration' } }, 'rego'],
    ['a time in words', { version: '1.1', since: 'yesterday' }, 'since'],
    ['what it does not know', { version: '1.1', content: 'x' }, 'content'],
  ])('refuses %s', async (_what, body, path) => {
    const { response, begun } = await simulate(body);
    expectError(response, { detail: 'validation_failed' });
    expect(JSON.stringify(response.body.field_errors)).toContain(path);
    expect(begun).toEqual([]);
  });

  it('wants to know the tenant', async () => {
    const response = await request(await appWith())
      .post('/api/v1/policies/default/simulate')
      .send({ version: '1.1' });
    expectError(response, { detail: 'tenant_required' });
  });
});

describe('simulations', () => {
  it('are listed by page, shown and cancelled', async () => {
    const other = {
      ...simulation,
      simulation_id: id.replace('1', '2'),
      created_at: '2026-11-20T10:00:00.000Z',
    };
    const asked: unknown[] = [];
    const app = await appWith({
      simulations: {
        list: async () => [simulation, other],
        get: async (...one) => (asked.push(one), simulation),
        cancel: async (...one) => (asked.push(one), { ...simulation, status: 'cancelled' }),
      },
    });
    const at = (path: string) => `/api/v1/policies/default/simulations${path}`;
    const get = (path: string) => request(app).get(at(path)).set('x-tenant-id', 'acme');
    const first = await get('?limit=1');
    expect(first.body).toMatchObject({ simulations: [{ simulation_id: id }], total_count: 2 });
    const second = await get(`?limit=1&page_token=${first.body.next_page_token as string}`);
    expect(second.body).toEqual({ simulations: [other], total_count: 2 });
    expect((await get(`/${id}`)).body).toEqual(simulation);
    const cancelled = await request(app)
      .delete(at(`/${id}`))
      .set('x-tenant-id', 'acme');
    expect(cancelled.body).toMatchObject({ status: 'cancelled' });
    const name = { tenant_id: 'acme', policy_bundle: 'default' };
    expect(asked).toEqual([
      [name, id],
      [name, id],
    ]);
  });
});
