import request from 'supertest';
import { ConclaveError } from '../../../src/contract/errors';
import { loggedDecision } from '../policy/samples';
import { appWith, expectError } from './support';

const requestId = 'a5d1f2a0-0000-4000-8000-000000000001';

describe('GET /policies/decisions', () => {
  const one = loggedDecision();

  it('lists what was decided, after writing down what is not yet written', async () => {
    const steps: unknown[] = [];
    const app = await appWith({
      decisions: {
        flush: async () => void steps.push('flush'),
        decisions: {
          count: async () => 7,
          page: async (...asked) => (steps.push(asked), { decisions: [one], next: '12' }),
          all: async function* () {},
        },
      },
    });
    const response = await request(app)
      .get('/api/v1/policies/decisions')
      .query({ request_id: requestId, outcome: 'trap', limit: 1, page_token: '11' })
      .set('x-tenant-id', 'acme');
    expect([response.status, response.body]).toEqual([
      200,
      { decisions: [one], total_count: 7, next_page_token: '12' },
    ]);
    expect(steps).toEqual(['flush', ['acme', { request_id: requestId, outcome: 'trap' }, 1, '11']]);
  });

  it.each([
    'request_id=5',
    'limit=201',
    'outcome=maybe',
    'page_token=x',
    'from=yesterday',
    'everything=true',
  ])('refuses ?%s', async (query) => {
    const response = await request(await appWith()).get(`/api/v1/policies/decisions?${query}`);
    expectError(response, { detail: 'validation_failed' });
  });

  it.each(['/policies/decisions', '/policies/decisions/export', `/orchestrate/${requestId}/explain`])(
    'shows nobody what belongs to all tenants: %s wants to know which [C.9]',
    async (path) => {
      const response = await request(await appWith()).get(`/api/v1${path}`);
      expectError(response, { detail: 'tenant_required' });
      expect(response.body.field_errors).toEqual([
        { path: 'X-Tenant-ID', message: 'is required: name the tenant that this belongs to' },
      ]);
    },
  );

  it('exports them as OPA has them, the input erased', async () => {
    const failed = loggedDecision({ outcome: 'trap', result: null, detail: 'unreachable' });
    const app = await appWith({
      decisions: {
        decisions: {
          count: async () => 2,
          page: async () => ({ decisions: [], next: null }),
          all: async function* () {
            yield* [one, failed];
          },
        },
      },
    });
    const response = await request(app).get('/api/v1/policies/decisions/export').set('x-tenant-id', 'acme');
    expect(response.headers['content-type']).toMatch(/^application\/x-ndjson/);
    const lines = response.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toEqual([
      {
        decision_id: one.decision_id,
        labels: { id: 'conclave', version: '1.2.3', tenant_id: 'acme' },
        bundles: { sample: { revision: `1.0@${'d'.repeat(64)}` } },
        path: 'orchestration/coverage',
        erased: ['/input'],
        result: { coverage_met: true },
        requested_by: 'acme',
        timestamp: '2026-11-21T19:00:00.000Z',
        metrics: { timer_rego_query_eval_ns: 50_000 },
        custom: { request_id: one.request_id, input_sha256: 'f'.repeat(64) },
      },
      expect.objectContaining({ error: { code: 'trap', message: 'unreachable' } }),
    ]);
    expect(lines[1]).not.toHaveProperty('result');
  });
});

describe('GET /orchestrate/{request_id}/explain', () => {
  it('asks for the tenant of the caller', async () => {
    const asked: unknown[] = [];
    const explain = async (...one: unknown[]) => {
      asked.push(one);
      throw new ConclaveError('INVALID_REQUEST', 'there is none', {
        status: 404,
        detail: 'request_not_found',
      });
    };
    const app = await appWith({ decisions: { explanations: { explain } } });
    const response = await request(app)
      .get(`/api/v1/orchestrate/${requestId}/explain`)
      .set('x-tenant-id', 'acme');
    expectError(response, { status: 404, detail: 'request_not_found' });
    expect(asked).toEqual([[requestId, 'acme']]);
  });

  it('knows no request whose id is none', async () => {
    const response = await request(await appWith()).get('/api/v1/orchestrate/nobody/explain');
    expectError(response, { status: 404, detail: 'request_not_found' });
  });
});
