import { randomUUID } from 'node:crypto';
import type { ErrorResponse, OrchestrationResponse } from '../../../src/contract/answer';
import { eventually } from '../../support/eventually';
import { findings } from '../../support/fake-detectors';
import { type HttpAnswer, System } from '../../support/system';
import { ended, hold, jobOf, submitJob } from './job-support';

type Either = HttpAnswer<OrchestrationResponse & ErrorResponse>;

/** One job in hand at a time, so that the others queue. */
const oneJob = { ORCHESTRATION_WORKFLOW__MAX_CONCURRENT_JOBS: '1' };

describe('An overloaded facade', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a'],
      policies: {
        'demo/default': { policy: {} },
        'demo/firm': { policy: { allow_async_conversion: false } },
      },
      parts: ['api'],
      env: {
        ...oneJob,
        ORCHESTRATION_ORCHESTRATION__MAX_WAITING_REQUESTS: '1',
        ORCHESTRATION_ORCHESTRATION__MAX_LONE_RUNS: '1',
        ORCHESTRATION_ORCHESTRATION__MAX_QUEUED_JOBS: '1',
        // Nobody is converted or cut while the detectors are held.
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '40000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '39000',
        ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '60000',
      },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  /** With metadata a request rides alone, and holds its place until it is answered. */
  const send = (overrides: object = {}, headers: Readonly<Record<string, string>> = {}): Promise<Either> =>
    system.orchestrate({ metadata: { kind: 'lone' }, ...overrides }, headers);

  /** The only place is taken. @returns the answer to come, and how to let it */
  async function full(): Promise<{ answers: Promise<Either>[]; release: () => void }> {
    const releases = hold(system, ['a']);
    const answers = [send()];
    await system.detectors.called('a');
    return { answers, release: releases.a };
  }

  /** Sends until one is refused. @returns all the answers, that one last */
  async function untilRefused(): Promise<Either[]> {
    const answers: Either[] = [];
    do answers.push(await send());
    while (answers.at(-1)!.status !== 403 && answers.length < 10);
    return answers;
  }

  it('makes jobs of sync requests at once while the queue has room, then answers 403 overloaded with Retry-After', async () => {
    const { answers, release } = await full();
    const beyond = await untilRefused();
    const refused = beyond.at(-1)!;
    const jobs = beyond.slice(0, -1);
    expect(jobs.map(({ status }) => status)).toEqual(jobs.map(() => 202));
    expect(jobs.length).toBeGreaterThanOrEqual(1);
    for (const { body, headers } of jobs) {
      expect(body).toMatchObject({ processing_mode: 'async', detectors_attempted: 0 });
      expect(headers.get('location')).toBe(`/api/v1/orchestrate/status/${body.job_id}`);
    }
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({
      error_code: 'RATE_LIMITED',
      detail: 'overloaded',
      retryable: true,
      fallback_used: false,
      response: null,
    });
    expect(refused.body.retry_after_seconds).toBeGreaterThanOrEqual(1);
    expect(refused.headers.get('retry-after')).toBe(String(refused.body.retry_after_seconds));
    expect(Number(refused.headers.get('ratelimit-remaining'))).toBeGreaterThan(0);

    release();
    for (const answer of answers) expect((await answer).status).toBe(200);
    for (const { body } of jobs)
      expect(await ended(system, body.job_id!)).toMatchObject({ status: 'completed' });
    expect(system.facade.log).toContain('overloaded: requests are refused');
  });

  it('refuses what was asked for as a job as well, when the queue is full', async () => {
    const { answers, release } = await full();
    await untilRefused();
    const refused = await send({ processing_mode: 'async' });
    expect(refused).toMatchObject({
      status: 403,
      body: { error_code: 'RATE_LIMITED', detail: 'overloaded' },
    });
    release();
    await Promise.all(answers);
  });

  it('still says first what is wrong with a request', async () => {
    const { answers, release } = await full();
    await untilRefused();
    expect(await send({ content: '' })).toMatchObject({
      status: 400,
      body: { error_code: 'INVALID_REQUEST' },
    });
    release();
    await Promise.all(answers);
  });

  it('still answers a repeated call, and leaves the key of a refused one free', async () => {
    const body = system.body({ metadata: { kind: 'lone' } });
    const keyed = { 'idempotency-key': randomUUID() };
    const first = await send(body, keyed);
    expect(first.status).toBe(200);
    const { answers, release } = await full();
    await untilRefused();
    const replay = await send(body, keyed);
    expect(replay.status).toBe(200);
    expect(replay.text).toBe(first.text);
    expect(replay.headers.get('idempotency-replayed')).toBe('true');
    const refused = system.body({ metadata: { kind: 'lone' } });
    const freed = { 'idempotency-key': randomUUID() };
    expect((await send(refused, freed)).status).toBe(403);
    release();
    await Promise.all(answers);
    const again = await eventually(
      () => send(refused, freed),
      ({ status }) => status === 200,
    );
    expect(again.headers.get('idempotency-replayed')).toBeNull();
  });

  it('refuses at once what must not become a job, though the queue has room', async () => {
    await eventually(
      () => system.request<{ pending_jobs: number }>('GET', '/health'),
      ({ body }) => body.pending_jobs === 0,
    );
    const releases = hold(system, ['a']);
    const alone = send({ policy_bundle: 'firm' });
    await system.detectors.called('a');
    const refused = await send({ policy_bundle: 'firm' });
    expect(refused).toMatchObject({
      status: 403,
      body: { error_code: 'RATE_LIMITED', detail: 'overloaded' },
    });
    releases.a();
    expect((await alone).status).toBe(200);
  });
});

describe('Jobs in the queue', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a'],
      policies: { 'demo/default': { policy: {} }, 'acme/default': { policy: {} } },
      parts: ['api'],
      env: oneJob,
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  /** Contents in the order in which the detector is asked about them, when one job after the other is let go. */
  async function orderOf(jobs: readonly { content: string; [field: string]: unknown }[]): Promise<string[]> {
    const releases = hold(system, ['a']);
    await submitJob(system);
    await system.detectors.called('a');
    const ids: string[] = [];
    for (const job of jobs) ids.push(await submitJob(system, job));
    for (const id of ids)
      expect(await jobOf(system, id)).toMatchObject({ status: 'pending', progress: 0, started_at: null });
    releases.a();
    for (const id of ids) expect(await ended(system, id)).toMatchObject({ status: 'completed' });
    return system.detectors
      .callsOf('a')
      .slice(1)
      .flatMap(({ contents }) => contents);
  }

  it('run by priority, first come first served inside a priority [9.1]', async () => {
    const order = ['low', 'normal', 'normal', 'high', 'critical', 'low'].map((priority, n) => ({
      content: `${priority} ${n}`,
      priority,
    }));
    expect(await orderOf(order)).toEqual(['critical 4', 'high 3', 'normal 1', 'normal 2', 'low 0', 'low 5']);
  });

  it('are taken from tenants in turn: who sends few does not wait for who sends many', async () => {
    const noisy = Array.from({ length: 12 }, (_, n) => ({ content: `noisy ${n}` }));
    const quiet = [0, 1].map((n) => ({ content: `quiet ${n}`, tenant_id: 'acme' }));
    const order = await orderOf([...noisy, ...quiet]);
    expect(order).toHaveLength(14);
    expect(order.indexOf('quiet 1')).toBeLessThan(7);
  });

  it('are not in the way of sync requests', async () => {
    const releases = hold(system, ['a']);
    const ids = [await submitJob(system)];
    await system.detectors.called('a');
    while (ids.length < 30) ids.push(await submitJob(system));
    system.detectors.behave('a', findings());
    expect((await system.orchestrate()).status).toBe(200);
    expect(await jobOf(system, ids.at(-1)!)).toMatchObject({ status: 'pending' });
    releases.a();
    await ended(system, ids.at(-1)!);
  });

  it('nobody is converted or refused at light load', async () => {
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all([
        ...Array.from({ length: 12 }, () => system.orchestrate({ priority: 'low' })),
        ...Array.from({ length: 4 }, () =>
          system.orchestrate({ metadata: { rides: 'alone' }, priority: 'low' }),
        ),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    }
    expect(system.facade.log).not.toContain('overloaded');
  });
});

describe('A job that waits past its deadline', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a'],
      parts: ['api'],
      env: { ...oneJob, ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '3000' },
    });
  });
  afterAll(() => system?.stop());

  it('fails with REQUEST_TIMEOUT', async () => {
    const releases = hold(system, ['a']);
    await submitJob(system);
    await system.detectors.called('a');
    const late = await submitJob(system);
    expect(await jobOf(system, late)).toMatchObject({ status: 'pending' });
    expect(await ended(system, late)).toMatchObject({ status: 'failed', error_code: 'REQUEST_TIMEOUT' });
    releases.a();
  });
});
