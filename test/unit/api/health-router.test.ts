import request from 'supertest';
import { dependencyStates } from '../../../src/api/dependency-states';
import {
  type DependencyName,
  type DependencyState,
  healthResponseSchema,
  livenessResponseSchema,
  readinessResponseSchema,
} from '../../../src/contract/health';
import { allConnected, type AppOptions, appWith, registration, watched } from './support';

type States = Partial<Record<DependencyName, DependencyState>>;
const dependenciesWith = (states: States) => () => Promise.resolve({ ...allConnected, ...states });

async function ask(path: string, health: AppOptions['health'] = {}, ill: string[] = []) {
  const detectors = await watched([registration('a'), registration('b')], ill);
  return request(await appWith({ detectors, health })).get(path);
}

describe.each(['', '/api/v1'])('Under "%s"', (base) => {
  it('/health/live answers as long as the process does', async () => {
    const response = await ask(`${base}/health/live`, { accepting: () => false });
    expect([response.status, livenessResponseSchema.parse(response.body).status]).toEqual([200, 'alive']);
  });

  it('/health/ready is 200 when requests can be taken', async () => {
    const response = await ask(`${base}/health/ready`);
    expect(response.status).toBe(200);
    expect(readinessResponseSchema.parse(response.body)).toMatchObject({
      status: 'ready',
      version: '1.2.3',
      environment: 'dev',
      detectors_total: 2,
      detectors_healthy: 2,
      min_detectors_ready: 1,
      dependencies: { workflow_engine: true, store: true, cache: true, policy_engine: true, mapper: true },
    });
  });
});

describe('Readiness', () => {
  it.each<[string, AppOptions['health'], string[]]>([
    ['the process drains', { accepting: () => false }, []],
    ['the store is away', { dependencies: dependenciesWith({ store: 'disconnected' }) }, []],
    ['the engine is away', { dependencies: dependenciesWith({ workflow_engine: 'error' }) }, []],
    ['too few detectors are well', { minDetectorsReady: 2 }, ['b']],
  ])('is refused while %s', async (_name, health, ill) => {
    const response = await ask('/health/ready', health, ill);
    expect([response.status, readinessResponseSchema.parse(response.body).status]).toEqual([
      503,
      'not_ready',
    ]);
  });

  it('does not hang on what one can do without, but says so', async () => {
    const dependencies = dependenciesWith({ mapper: 'disconnected' });
    const response = await ask('/health/ready', { dependencies });
    expect(response.status).toBe(200);
    expect(readinessResponseSchema.parse(response.body).dependencies).toMatchObject({
      mapper: false,
      store: true,
    });
  });
});

describe('Health', () => {
  it.each<[string, string, AppOptions['health'], string[]]>([
    ['healthy', 'all is well', {}, []],
    ['degraded', 'a detector is ill', {}, ['b']],
    ['degraded', 'the mapper is away', { dependencies: dependenciesWith({ mapper: 'error' }) }, []],
    ['unhealthy', 'no detector is well', {}, ['a', 'b']],
    ['unhealthy', 'the store is away', { dependencies: dependenciesWith({ store: 'disconnected' }) }, []],
  ])('is %s when %s, and always 200', async (status, _when, health, ill) => {
    const response = await ask('/health', health, ill);
    expect([response.status, healthResponseSchema.parse(response.body).status]).toEqual([200, status]);
  });

  it('counts detectors, open jobs and seconds', async () => {
    const health = { pendingJobs: () => Promise.resolve(3), startedAt: Date.now() - 90_000 };
    const answer = healthResponseSchema.parse((await ask('/api/v1/health', health, ['b'])).body);
    expect(answer).toMatchObject({
      detectors_total: 2,
      detectors_healthy: 1,
      pending_jobs: 3,
      dependencies: allConnected,
    });
    expect(answer.uptime_seconds).toBeGreaterThanOrEqual(90);
  });

  it('answers without the number of jobs when the store cannot tell', async () => {
    const response = await ask('/health', { pendingJobs: () => Promise.reject(new Error('gone')) });
    expect([response.status, healthResponseSchema.parse(response.body).pending_jobs]).toEqual([200, null]);
  });
});

describe('The states of dependencies', () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => jest.useRealTimers());

  const fine = () => Promise.resolve();

  it('are what the checks say; one that does not answer in time is in error', async () => {
    const states = dependencyStates({
      workflow_engine: fine,
      store: () => Promise.reject(new Error('refused')),
      cache: null,
      policy_engine: fine,
      mapper: () => new Promise(() => undefined),
    })();
    await jest.advanceTimersByTimeAsync(1500);
    expect(await states).toEqual({
      workflow_engine: 'connected',
      store: 'disconnected',
      cache: 'not_configured',
      policy_engine: 'connected',
      mapper: 'error',
    });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are asked at most once a second', async () => {
    const store = jest.fn(fine);
    const states = dependencyStates({
      workflow_engine: fine,
      store,
      cache: null,
      policy_engine: fine,
      mapper: fine,
    });
    await Promise.all([states(), states()]);
    jest.setSystemTime(1_001_000);
    await states();
    expect(store).toHaveBeenCalledTimes(1);
    jest.setSystemTime(1_001_001);
    await states();
    expect(store).toHaveBeenCalledTimes(2);
  });
});
