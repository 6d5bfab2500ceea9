import {
  type HealthResponse,
  healthResponseSchema,
  livenessResponseSchema,
  type ReadinessResponse,
  readinessResponseSchema,
} from '../../../src/contract/health';
import { eventually } from '../../support/eventually';
import { held, findings } from '../../support/fake-detectors';
import { beginStoreOutage, endStoreOutage } from '../../support/store-outage';
import { System } from '../../support/system';
import { patience } from '../../support/patience';

let system: System;
beforeAll(async () => {
  system = await System.start({
    mapper: 'real',
    detectors: ['a', 'b'].map((name) => ({ name, health_check_path: `/health/${name}`, timeout_ms: 30_000 })),
    env: {
      ...patience,
      ...Object.fromEntries(
        Object.entries({
          HEALTH_CHECK_INTERVAL_SECONDS: '0.3',
          SUSPECT_PROBE_INTERVAL_SECONDS: '0.3',
          RECOVERY_CHECK_INTERVAL_SECONDS: '0.3',
        }).map(([key, value]) => [`ORCHESTRATION_ORCHESTRATION__${key}`, value]),
      ),
    },
  });
});
afterAll(() => system?.stop());
beforeEach(() => system.detectors.reset());

async function health(): Promise<HealthResponse> {
  const answer = await system.request('GET', '/health');
  expect(answer.status).toBe(200);
  return healthResponseSchema.parse(answer.body);
}

async function readiness(): Promise<{ code: number; body: ReadinessResponse }> {
  const answer = await system.request('GET', '/health/ready');
  return { code: answer.status, body: readinessResponseSchema.parse(answer.body) };
}

const untilHealth = (satisfies: (body: HealthResponse) => boolean) => eventually(health, satisfies);
const untilReadiness = (status: ReadinessResponse['status']) =>
  eventually(readiness, ({ body }) => body.status === status);

describe('Health', () => {
  it('is healthy with every field while all is well [17.2]', async () => {
    const body = await untilHealth(({ status }) => status === 'healthy');
    expect(body).toMatchObject({
      environment: 'development',
      detectors_total: 2,
      detectors_healthy: 2,
      pending_jobs: 0,
      dependencies: {
        workflow_engine: 'connected',
        store: 'connected',
        cache: 'not_configured',
        policy_engine: 'connected',
        mapper: 'connected',
      },
    });
    expect(body.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('answers with and without the prefix, without a credential and without being cached', async () => {
    for (const prefix of ['', '/api/v1']) {
      for (const route of ['/health', '/health/live', '/health/ready']) {
        const response = await fetch(`${system.url}${prefix}${route}`, {
          headers: { 'X-API-Key': 'nobody' },
        });
        expect(response.status).toBe(200);
        expect(response.headers.get('cache-control')).toBe('no-store');
      }
    }
    const live = await system.request('GET', '/health/live');
    expect(livenessResponseSchema.parse(live.body).status).toBe('alive');
  });

  it('is degraded while one detector is down, and stays ready [17.2]', async () => {
    system.detectors.setHealthy('b', false);
    const body = await untilHealth(({ status }) => status === 'degraded');
    expect(body).toMatchObject({ detectors_total: 2, detectors_healthy: 1 });
    expect((await readiness()).code).toBe(200);
    system.detectors.setHealthy('b', true);
    await untilHealth(({ status }) => status === 'healthy');
  });

  it('is unhealthy and not ready without any detector, and recovers by itself [17.2]', async () => {
    system.detectors.setHealthy('a', false);
    system.detectors.setHealthy('b', false);
    const { code, body } = await untilReadiness('not_ready');
    expect(code).toBe(503);
    expect(body).toMatchObject({
      detectors_healthy: 0,
      min_detectors_ready: 1,
      dependencies: { store: true },
    });
    expect((await health()).status).toBe('unhealthy');
    expect((await system.request('GET', '/health/live')).status).toBe(200);
    system.detectors.reset();
    expect((await untilReadiness('ready')).code).toBe(200);
  });

  it('is unhealthy and not ready while the store is gone, and recovers by itself [17.2]', async () => {
    await beginStoreOutage(system);
    try {
      const { code, body } = await untilReadiness('not_ready');
      expect(code).toBe(503);
      expect(body.dependencies).toMatchObject({ store: false, workflow_engine: true });
      const unwell = await health();
      expect(unwell).toMatchObject({ status: 'unhealthy', pending_jobs: null });
      expect(unwell.dependencies.store).not.toBe('connected');
      expect((await system.request('GET', '/health/live')).status).toBe(200);
    } finally {
      await endStoreOutage(system);
    }
    await untilReadiness('ready');
    await eventually(
      () => system.orchestrate(),
      ({ status }) => status === 200,
    );
  });

  it('counts the jobs that are open', async () => {
    const { behavior, release } = held(findings());
    system.detectors.behave('a', behavior);
    await system.orchestrate({ processing_mode: 'async' });
    await untilHealth((body) => body.pending_jobs === 1);
    release();
    await untilHealth((body) => body.pending_jobs === 0);
  });
});

describe('Readiness', () => {
  it('is 503 until the first detector has answered a probe [17.2]', async () => {
    const fresh = await System.start({
      detectors: [{ name: 'a', health_check_path: '/health/a' }],
      parts: [],
    });
    try {
      fresh.detectors.setHealthy('a', false);
      await fresh.startPart('api', {
        ORCHESTRATION_ORCHESTRATION__SUSPECT_PROBE_INTERVAL_SECONDS: '0.3',
        ORCHESTRATION_ORCHESTRATION__RECOVERY_CHECK_INTERVAL_SECONDS: '0.3',
      });
      expect((await fresh.request('GET', '/health/ready')).status).toBe(503);
      fresh.detectors.setHealthy('a', true);
      await eventually(
        () => fresh.request('GET', '/health/ready'),
        ({ status }) => status === 200,
      );
    } finally {
      await fresh.stop();
    }
  });
});
