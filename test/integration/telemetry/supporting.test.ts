import { randomUUID } from 'node:crypto';
import { eventually } from '../../support/eventually';
import { closes, held, findings } from '../../support/fake-detectors';
import { type BundleFixture, System } from '../../support/system';
import { read, type Series, sumOf } from './page';

const only = (name: string, rate_limit_per_minute = 100_000): BundleFixture => ({
  policy: { required_detectors: [name], rate_limit_per_minute },
});

describe('the supporting series, moved by real traffic', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      detectors: [
        { name: 'a', max_retries: 0 },
        { name: 'held', max_retries: 0, timeout_ms: 30_000 },
        {
          name: 'slow',
          capabilities: { supported_content_types: ['text'], average_processing_time_ms: 25_000 },
        },
      ],
      policies: {
        'demo/default': only('a'),
        'demo/held': only('held'),
        'demo/slow': only('slow'),
        'demo/scarce': only('a', 2),
        'acme/default': only('a'),
      },
      mapper: 'real',
      env: {
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '3000',
        ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '60000',
      },
    });
  });
  afterAll(() => system?.stop());
  beforeEach(() => system.detectors.reset());

  const scrape = async () => read(await (await fetch(`${system.url}/metrics`)).text());
  const value = async (name: string, labels: Readonly<Record<string, string>> = {}) =>
    sumOf(await scrape(), name, labels);
  /** Another process may have counted it: its figures come with the next sharing. */
  const reaches = (name: string, labels: Readonly<Record<string, string>>, least: number) =>
    eventually(
      () => value(name, labels),
      (now) => now >= least,
      { withinMs: 30_000 },
    );

  it('time mappings, and tell the share of cache hits [10.1]', async () => {
    const content = `mapped ${randomUUID()}`;
    const first = await system.orchestrate({ content });
    expect([first.status, first.body.mapping_result === null]).toEqual([200, false]);
    await eventually(
      () => system.orchestrate({ content }),
      ({ headers }) => headers.get('x-cache') === 'HIT',
    );
    await reaches('orchestrator_mapper_duration_ms_count', {}, 1);
    await reaches('orchestrator_mapper_requests_total', { tenant: 'demo', outcome: 'success' }, 1);
    const ratio = await value('orchestrator_cache_hit_ratio', { cache_type: 'response' });
    expect([ratio > 0, ratio < 1]).toEqual([true, true]);
  });

  it('count what keys did, one outcome for each use [10.1]', async () => {
    const key = { 'Idempotency-Key': randomUUID() };
    const body = { content: `keyed ${randomUUID()}` };
    const outcomes = async () => {
      const page = await scrape();
      const of = (outcome: string) =>
        sumOf(page, 'orchestrator_idempotency_total', { tenant: 'demo', outcome });
      return [of('new'), of('replayed'), of('conflict')];
    };
    const before = await outcomes();
    await system.orchestrate(body, key);
    await system.orchestrate(body, key);
    expect((await system.orchestrate({ content: 'another' }, key)).status).toBe(409);
    expect(await outcomes()).toEqual(before.map((count) => count + 1));
  });

  it('count conversions by what brought them about, and show the jobs that run [10.1]', async () => {
    const { behavior, release } = held(findings());
    system.detectors.behave('held', behavior);
    const converted = await system.orchestrate({ policy_bundle: 'held' });
    const projected = await system.orchestrate({ policy_bundle: 'slow' });
    expect([converted.status, projected.status]).toEqual([202, 202]);
    await reaches('orchestrator_sync_conversions_total', { tenant: 'demo', trigger: 'elapsed' }, 1);
    await reaches('orchestrator_sync_conversions_total', { tenant: 'demo', trigger: 'projected' }, 1);
    await reaches('orchestrator_async_jobs_active', {}, 1);
    const page = await scrape();
    expect(page.some(({ name }) => name === 'orchestrator_async_jobs_queued')).toBe(true);
    release();
    for (const { body } of [converted, projected]) await system.ended(body.job_id!);
    await reaches('orchestrator_async_jobs_completed_total', { status: 'completed' }, 2);
    await eventually(
      () => value('orchestrator_async_jobs_active'),
      (active) => active === 0,
      { withinMs: 30_000 },
    );
  });

  it('count what the rate limit lets by and what not, for each tenant [10.2]', async () => {
    const scarce = () => system.orchestrate<unknown>({ policy_bundle: 'scarce' });
    const statuses = [await scarce(), await scarce(), await scarce()].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 403]);
    await system.orchestrate({ tenant_id: 'made-up' });
    const labels = { endpoint: 'orchestrate', tenant: 'demo' };
    const name = 'orchestrator_rate_limit_requests_total';
    await reaches(name, { ...labels, action: 'limited' }, 1);
    await reaches(name, { endpoint: 'orchestrate', tenant: 'unknown', action: 'allowed' }, 1);
    expect(await value('orchestrator_rate_limit_reset_seconds', labels)).toBeGreaterThan(0);
    expect((await scrape()).some(({ labels: { tenant } }) => tenant === 'made-up')).toBe(false);
  });

  it('have sums over tenants that match the totals [10.2]', async () => {
    const totals = (page: readonly Series[]) => {
      const requests = (labels: Record<string, string>) => sumOf(page, 'orchestrate_requests_total', labels);
      return {
        demo: requests({ tenant: 'demo' }),
        acme: requests({ tenant: 'acme' }),
        all: requests({}),
        rejected: requests({ status: 'rejected' }),
        timed: sumOf(page, 'orchestrate_request_duration_ms_count'),
        unlabeled:
          sumOf(page, 'orchestrate_request_duration_sync_ms_count') +
          sumOf(page, 'orchestrate_request_duration_async_ms_count'),
        byType: sumOf(page, 'orchestrator_requests_by_content_type_total'),
      };
    };
    const before = totals(await scrape());
    system.detectors.behave('a', closes);
    const sent = ['demo', 'demo', 'acme', 'demo', 'acme'];
    for (const tenant_id of sent) await system.orchestrate({ tenant_id });
    const after = await eventually(
      async () => totals(await scrape()),
      ({ all }) => all >= before.all + sent.length,
      { withinMs: 30_000 },
    );
    expect([after.demo - before.demo, after.acme - before.acme]).toEqual([3, 2]);
    expect(after.all - before.all).toBe(sent.length);
    // What was rejected never began, and is not timed.
    expect(after.timed).toBe(after.all - after.rejected);
    expect([after.unlabeled, after.byType]).toEqual([after.timed, after.timed]);
  });

  it('say that the service is ready, and which dependencies are up [10.1]', async () => {
    const page = await scrape();
    expect(sumOf(page, 'orchestrator_ready')).toBe(1);
    const up = page.filter(({ name }) => name === 'orchestrator_service_dependencies_up');
    expect(up.map(({ labels, value: is }) => [labels['dependency'], is])).toEqual([
      ['workflow_engine', 1],
      ['store', 1],
      ['policy_engine', 1],
      ['mapper', 1],
    ]);
  });
});
