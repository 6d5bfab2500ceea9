import request from 'supertest';
import { latencySteps, type DetectorUse } from '../../../src/contract/detector-use';
import { statusResponseSchema } from '../../../src/contract/status-api';
import { appWith, registration, watched } from './support';

const path = '/api/v1/status';
const hourMs = 3_600_000;
/** Calls that all took as long. */
const use = (
  detector: string,
  calls: number,
  failures: number,
  ms: number,
  hours: number,
  owner: string | null = null,
): DetectorUse => ({
  detector,
  owner,
  since: Date.now() - hours * hourMs,
  calls,
  failures,
  total_ms: calls * ms,
  latencies: [...latencySteps.map((step) => (step === ms ? calls : 0)), 0],
});

async function statusOf(app: Parameters<typeof request>[0], headers: Record<string, string> = {}) {
  const { status, body } = await request(app).get(path).set(headers);
  expect(status).toBe(200);
  return statusResponseSchema.parse(body);
}

describe('GET /status', () => {
  it('tells components, queue, and each detector with its trend [18.2]', async () => {
    const detectors = await watched([registration('a'), registration('slow', { timeout_ms: 1000 })]);
    const uses = (hours: number) =>
      Promise.resolve(
        hours === 1
          ? [use('a', 50, 0, 50, 1), use('slow', 100, 20, 1000, 1)]
          : [use('a', 1000, 0, 50, 20), use('slow', 400, 20, 200, 20)],
      );
    const status = await statusOf(await appWith({ detectors, uses }));
    expect(status).toMatchObject({
      version: '1.2.3',
      components: {
        dependencies: { store: 'connected' },
        registry: { loaded: false, endpoints: { active: 2, unhealthy: 0 } },
        circuit_breakers: { closed: 2, open: 0 },
        policies: { bundles: { 'acme/default': '1.0' } },
      },
      queue: { open_jobs: 3, waiting_jobs: 1, running_jobs: 2 },
    });
    const [a, slow] = status.detectors;
    expect(a).toMatchObject({
      endpoint_id: 'a@1.0',
      last_hour: { calls: 50, errors: 0, error_rate: 0, average_ms: 50, p95_ms: 50 },
      last_24_hours: { calls: 1000 },
      trend: { latency: 'stable', errors: 'stable', use: 'stable' },
      recommendations: [],
    });
    expect(slow).toMatchObject({
      trend: { latency: 'degrading', errors: 'degrading', use: 'rising' },
      recommendations: [
        '20 % of its calls fail, 5 % over the day',
        expect.stringContaining('p95 is 1000 ms'),
        expect.stringContaining('timeout_ms of 1000'),
      ],
    });
    expect(status.recommendations[0]).toBe('the registry file is not applied: the file does not exist');
    expect(status.recommendations).toContain('slow@1.0: 20 % of its calls fail, 5 % over the day');
  });

  it('says what keeps a detector from being used', async () => {
    const detectors = await watched([registration('a'), registration('ill')], ['ill']);
    for (let failure = 0; failure < 5; failure++) {
      detectors.breakers.record('a@1.0', 'failure', detectors.breakers.admit('a@1.0').epoch);
    }
    const { detectors: shown, components } = await statusOf(await appWith({ detectors }));
    expect(shown.map(({ recommendations }) => recommendations)).toEqual([
      [expect.stringContaining('its circuit breaker is open')],
      [expect.stringContaining('out of the pool: GET /health/endpoints/ill@1.0')],
    ]);
    expect(components.circuit_breakers).toEqual({ closed: 1, open: 1, half_open: 0 });
    expect(shown[0]!.trend).toEqual({ latency: 'unknown', errors: 'unknown', use: 'unknown' });
  });

  it('shows a tenant what is shared, and its own', async () => {
    const own = (tenant: string) =>
      registration('own', { tenant_scope: 'own', tenant_id: tenant, endpoint: `http://${tenant}.example` });
    const detectors = await watched([registration('a'), own('acme'), own('globex')]);
    const status = await statusOf(await appWith({ detectors }), { 'X-Tenant-ID': 'globex' });
    expect(status.detectors.map(({ endpoint_id }) => endpoint_id)).toEqual(['a@1.0', 'globex:own@1.0']);
    expect(status.components.policies.bundles).toEqual({});
  });

  it('tells a tenant’s own detector from the shared one of its name [18.2]', async () => {
    const own = registration('a', { tenant_scope: 'own', tenant_id: 'acme' });
    const detectors = await watched([registration('a'), own]);
    const uses = () => Promise.resolve([use('a', 50, 0, 50, 1), use('a', 20, 20, 1000, 1, 'acme')]);
    const status = await statusOf(await appWith({ detectors, uses }));
    const seen = status.detectors.map((one) => [
      one.endpoint_id,
      one.last_hour?.calls,
      one.last_hour?.errors,
    ]);
    expect(seen).toEqual([
      ['a@1.0', 50, 0],
      ['acme:a@1.0', 20, 20],
    ]);
  });

  it('answers without what the store knows while that is away', async () => {
    const uses = () => Promise.reject(new Error('the store is away'));
    const status = await statusOf(await appWith({ uses }));
    expect(status.detectors[0]).toMatchObject({ endpoint_id: 'a@1.0', last_hour: null, last_24_hours: null });
  });
});
