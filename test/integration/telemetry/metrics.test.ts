import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { StatusResponse } from '../../../src/contract/status-api';
import { eventually } from '../../support/eventually';
import { status as answers } from '../../support/fake-detectors';
import { MockUpstream } from '../../support/mock-upstream';
import { System } from '../../support/system';
import { read, type Series, sumOf } from './page';

/** Every name that the contracts lock and that there is something to count for, with exactly its labels. */
const locked = {
  orchestrate_requests_total: ['tenant', 'policy', 'status'],
  orchestrate_request_duration_ms: ['tenant', 'policy'],
  detector_latency_ms: ['detector', 'status'],
  detector_health_status: ['detector'],
  detector_health_check_duration_ms: ['detector'],
  circuit_breaker_state: ['detector', 'state'],
  coverage_achieved: ['tenant', 'policy'],
  policy_enforcement_total: ['tenant', 'policy', 'status', 'violation_type'],
  cache_operations_total: ['operation', 'result', 'tenant'],
  gateway_requests_total: ['endpoint_id', 'method', 'status_class'],
  gateway_request_duration_seconds: ['endpoint_id', 'method'],
  gateway_inflight_requests: [],
  gateway_upstream_errors_total: ['endpoint_id', 'code'],
  gateway_errors_total: ['code'],
  gateway_registry_endpoints: ['status'],
  gateway_registry_operations_total: ['operation', 'outcome'],
  gateway_config_reloads_total: ['outcome'],
  gateway_config_info: ['version'],
  gateway_health_checks_total: ['endpoint_id', 'outcome'],
  gateway_health_check_duration_seconds: ['endpoint_id'],
  gateway_endpoint_up: ['endpoint_id'],
  gateway_circuit_breaker_state: ['endpoint_id'],
  gateway_circuit_breaker_transitions_total: ['endpoint_id', 'from', 'to'],
  gateway_circuit_breaker_fallbacks_total: ['endpoint_id', 'strategy'],
};

describe('the metrics and the status of a facade and a worker', () => {
  const upstream = new MockUpstream();
  let system: System;
  beforeAll(async () => {
    await upstream.listen();
    system = await System.start({
      detectors: [
        { name: 'a', max_retries: 0 },
        { name: 'b', max_retries: 0 },
      ],
      env: {
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
        ORCHESTRATION_ORCHESTRATION__HEALTH_CHECK_INTERVAL_SECONDS: '1',
      },
    });
  });
  afterAll(async () => {
    await system?.stop();
    upstream.close();
  });
  beforeEach(() => system.detectors.reset());

  const scrape = async () => read(await (await fetch(`${system.url}/api/v1/metrics`)).text());
  /** Another process may have done it: its figures come with the next sharing. */
  const until = (isSo: (series: readonly Series[]) => boolean) =>
    eventually(scrape, isSo, { withinMs: 30_000 });

  it('hold every locked name with exactly its labels after mixed traffic [C.7] [10] [R9] [B7] [H7] [P10] [C4]', async () => {
    const content = 'said twice';
    await system.orchestrate({ content });
    await system.orchestrate({ content });
    await system.orchestrate({ content: '' });
    await system.orchestrate({ policy_bundle: 'nowhere' });
    const { body: job } = await system.orchestrate({ processing_mode: 'async' });
    await system.ended(job.job_id!);
    system.detectors.behave('b', answers(500));
    expect((await system.orchestrate()).status).toBe(206);
    upstream.answer(200);
    const register = (name: string, url: string) =>
      system.request('POST', '/registry/endpoints', { config: { name, url }, verify: false });
    await register('web', upstream.url);
    await register('gone', 'http://127.0.0.1:1');
    await system.request('GET', '/proxy/web/x');
    await system.request('GET', '/proxy/gone/x');
    await system.request('POST', '/circuit-breaker/trip/web');
    expect((await system.request('GET', '/proxy/web/x')).status).toBe(503);

    const page = await until((series) =>
      Object.keys(locked).every((name) => series.some((one) => one.name.startsWith(name))),
    );
    for (const [name, labels] of Object.entries(locked)) {
      const own = page.filter((one) => [name, `${name}_sum`, `${name}_count`].includes(one.name));
      expect([name, own.length > 0]).toEqual([name, true]);
      for (const one of own)
        expect([name, Object.keys(one.labels).toSorted()]).toEqual([name, labels.toSorted()]);
    }
    const { body } = await system.request<{ version: string }>('GET', '/config/status');
    expect(sumOf(page, 'gateway_config_info', { version: body.version })).toBe(1);
    expect(page.some(({ labels }) => Object.values(labels).includes('nowhere'))).toBe(false);
  });

  it('move as the traffic does [10.1] [10] [4.2]', async () => {
    const demo = { tenant: 'demo', policy: 'default' };
    const before = await until(
      (series) =>
        sumOf(series, 'orchestrate_requests_total', { ...demo, status: 'success' }) === 3 &&
        sumOf(series, 'orchestrate_requests_total', { ...demo, status: 'partial' }) === 1,
    );
    const moved = (series: readonly Series[], name: string, labels: Readonly<Record<string, string>> = {}) =>
      sumOf(series, name, labels) - sumOf(before, name, labels);
    for (let call = 0; call < 3; call++) expect((await system.orchestrate()).status).toBe(200);
    const { body: job } = await system.orchestrate({ processing_mode: 'async' });
    await system.ended(job.job_id!);
    system.detectors.behave('b', answers(500));
    for (let call = 0; call < 5; call++) expect((await system.orchestrate()).status).toBe(206);
    const after = await until(
      (series) =>
        moved(series, 'orchestrate_requests_total', { ...demo, status: 'success' }) === 4 &&
        moved(series, 'orchestrate_requests_total', { ...demo, status: 'partial' }) === 5 &&
        sumOf(series, 'circuit_breaker_state', { detector: 'b', state: 'open' }) === 1,
    );
    expect(moved(after, 'orchestrate_request_duration_ms_count', demo)).toBe(9);
    expect(moved(after, 'detector_latency_ms_count', { detector: 'a', status: 'success' })).toBe(9);
    expect(moved(after, 'detector_latency_ms_count', { detector: 'b', status: 'success' })).toBe(4);
    expect(
      moved(after, 'policy_enforcement_total', { ...demo, violation_type: 'coverage_below_threshold' }),
    ).toBe(5);
    expect(sumOf(after, 'coverage_achieved', demo)).toBe(0.5);
    expect(sumOf(after, 'circuit_breaker_state', { detector: 'b', state: 'closed' })).toBe(0);
    expect(sumOf(after, 'circuit_breaker_state', { detector: 'a', state: 'closed' })).toBe(1);
    expect(sumOf(after, 'detector_health_status', { detector: 'a' })).toBe(1);
    // Checks are made by the worker.
    await until((series) => moved(series, 'gateway_health_checks_total', { endpoint_id: 'a@1.0' }) > 0);
  });

  it('show an edit of the registry file within ten seconds, and report one that is refused [18.2]', async () => {
    const file = path.join(system.dataDir, 'detectors.yaml');
    const good = readFileSync(file, 'utf8');
    const statusOf = async () => (await system.request<StatusResponse>('GET', '/status')).body;
    const { components, detectors } = await statusOf();
    expect(detectors.map(({ name }) => name)).toEqual(['a', 'b']);
    writeFileSync(
      file,
      `${good}  - { name: c, protocol: detectors-api, endpoint: '${system.detectors.url}' }\n`,
    );
    // Another process may be the first to bring it into the store.
    const edited = await eventually(
      statusOf,
      (now) => now.detectors.length === 3 && now.components.registry.version !== components.registry.version,
      { withinMs: 10_000 },
    );
    expect(edited.components.registry.last_reload_error).toBeNull();

    writeFileSync(file, 'detectors: [{ name: d }]');
    const refused = await eventually(statusOf, (now) => now.components.registry.last_reload_error !== null, {
      withinMs: 10_000,
    });
    expect(refused.components.registry.last_reload_error).toContain('detectors.0.endpoint');
    expect(refused.recommendations[0]).toContain('the registry file is not applied');
    expect(refused.detectors.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(refused.components.registry.version).toBe(edited.components.registry.version);
    writeFileSync(file, good);
    await eventually(statusOf, (now) => now.detectors.length === 2, { withinMs: 10_000 });
  });

  it('tell how detectors did, in all processes together [18.2]', async () => {
    const calls = 3;
    for (let call = 0; call < calls; call++) await system.orchestrate();
    const used = await eventually(
      async () => (await system.request<StatusResponse>('GET', '/status')).body,
      ({ detectors }) => (detectors.find(({ name }) => name === 'a')?.last_hour?.calls ?? 0) >= calls,
      { withinMs: 30_000 },
    );
    const [a] = used.detectors;
    expect(a).toMatchObject({
      endpoint_id: 'a@1.0',
      health_status: 'healthy',
      circuit_breaker_state: 'closed',
    });
    expect(a!.last_24_hours!.calls).toBeGreaterThanOrEqual(a!.last_hour!.calls);
    expect(used.components.dependencies.store).toBe('connected');
    expect(used.components.policies.bundles).toEqual({ 'demo/default': '1.0' });
    expect(used.queue).toMatchObject({ open_jobs: expect.any(Number) as number });
  });
});
