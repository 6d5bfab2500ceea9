import { randomUUID } from 'node:crypto';
import type { BatchItemResult } from '../../../src/contract/batch';
import { expectContractError } from '../../support/contract-error';
import { type Behavior, findings, held, status } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { cancel, ended, rerun, workflowOf } from '../core/job-support';
import { batch, type Item, loads, postBatch, runCount, texts } from './support';

const all = { max_batch: 256 };

describe('POST /orchestrate/batch', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      env: {
        // On a loaded machine nothing becomes a job but what a test wants to, and what has low priority has 19 s too.
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
        ORCHESTRATION_ORCHESTRATION__PRIORITY_SLA_OVERRIDES__LOW: '19500',
      },
      detectors: ['a', 'b', 'c'].map((name) => ({ name, ...all, max_retries: 0 })),
      policies: {
        'demo/default': { policy: {} },
        'demo/limited': { policy: { rate_limit_per_minute: 5 } },
        'other/default': { policy: {} },
      },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  it('answers 100 items in their order, all of one run: each detector is called once [11.1]', async () => {
    system.detectors.behave(
      'a',
      findings((content) =>
        content.includes('odd') ? [{ start: 0, end: 3, detection: 'odd_text', score: 0.9 }] : [],
      ),
    );
    const requests = Array.from({ length: 100 }, (_, index) =>
      system.body({ content: `${index} is ${index % 2 === 0 ? 'even' : 'odd'} ${randomUUID().slice(0, 8)}` }),
    );
    const before = await runCount(system);
    const answer = await batch(system, { requests, key: 'hundred', envelope: { batch_id: 'my batch' } });
    expect(answer).toMatchObject({
      idempotency_key: 'hundred',
      batch_id: 'my batch',
      total_requests: 100,
      completed_requests: 100,
      accepted_requests: 0,
      failed_requests: 0,
    });
    answer.results.forEach((result, index) => {
      expect(result).toMatchObject({ http_status: 200, error: null, idempotency_key: `hundred#${index}` });
      expect(result.detector_results.map(({ detector, output }) => [detector, output])).toEqual([
        ['a', index % 2 === 0 ? 'clean' : 'odd_text'],
        ['b', 'clean'],
        ['c', 'clean'],
      ]);
    });
    expect(new Set(answer.results.map(({ request_id: id }) => id)).size).toBe(100);
    for (const detector of ['a', 'b', 'c']) expect(loads(system, detector, requests)).toEqual([100]);
    expect(await runCount(system)).toBe(before + 1);
  });

  it('takes what single requests take, mixed: other plans, jobs, metadata, large content [11.1]', async () => {
    const kinds: readonly Item[] = [
      {},
      { priority: 'high' },
      { priority: 'low' },
      { processing_mode: 'async' },
      { metadata: { a: 1 } },
      { content: `large ${'x'.repeat(5000)}` },
      { required_detectors: ['a'], excluded_detectors: ['c'] },
    ];
    const requests = Array.from({ length: 100 }, (_, index) => system.body(kinds[index % kinds.length]));
    const answer = await batch(system, { requests });
    const expected = requests.map(({ processing_mode: mode }) => (mode === 'async' ? 202 : 200));
    // c is required by the policy and excluded by these: less coverage than it asks for.
    const excluding = requests.map(({ excluded_detectors: excluded }) => excluded !== undefined);
    expect(answer.results.map(({ http_status: code }) => code)).toEqual(
      expected.map((code, index) => (excluding[index] ? 206 : code)),
    );
    expect(answer.accepted_requests).toBe(expected.filter((code) => code === 202).length);
    expect(answer.completed_requests).toBe(100 - answer.accepted_requests);
    await expectJobsEnd(answer.results);
  });

  it('makes every item a job when async_processing says so; jobs of one plan share a run [11.1]', async () => {
    const requests = texts(system, 30);
    const alone = texts(system, 3, { priority: 'critical' });
    const before = await runCount(system);
    const answer = await batch(system, {
      requests: [...requests, ...alone],
      envelope: { async_processing: true },
    });
    expect(answer).toMatchObject({ accepted_requests: 33, completed_requests: 0, failed_requests: 0 });
    for (const result of answer.results) {
      expect(result).toMatchObject({
        http_status: 202,
        processing_mode: 'async',
        job_id: `job-${result.request_id}`,
        error: null,
      });
    }
    expect(await runCount(system)).toBe(before + 1 + alone.length);
    await expectJobsEnd(answer.results);
    expect(loads(system, 'a', requests)).toEqual([30]);
  });

  it('has jobs that end one by one, though they share a run [9.1]', async () => {
    const requests = ['fine', 'cancelled', 'failing'].map((content) => system.body({ content }));
    const gate = held(refusesBatchesWith('failing'));
    for (const name of ['a', 'b', 'c']) system.detectors.behave(name, gate.behavior);
    const answer = await batch(system, { requests, envelope: { async_processing: true } });
    const [fine, cancelled, failing] = answer.results.map(({ job_id: jobId }) => jobId!);
    await system.detectors.called('c');
    expect((await cancel(system, cancelled!)).status).toBe(200);
    gate.release();
    expect((await jobsEnded([fine!, cancelled!, failing!])).map(({ status: how }) => how)).toEqual([
      'completed',
      'cancelled',
      'failed',
    ]);
    await workflowOf(system, failing!, 'FAILED');
    const again = await rerun(system, fine!, {});
    expect(again.status).toBe(202);
    expect(await jobsEnded([again.body.job_id!])).toMatchObject([
      { status: 'completed', parent_job_id: fine },
    ]);
  });

  it('lets a faulty item fail alone, not routed, with what it alone would get [11.1] [11.3]', async () => {
    const good = texts(system, 2);
    const faulty: readonly [unknown, Item, Item][] = [
      [
        system.body({ content: '', extra: 1 }),
        { http_status: 400 },
        { error_code: 'INVALID_REQUEST', detail: 'validation_failed' },
      ],
      ['not an object', { http_status: 400, processing_mode: 'sync' }, { error_code: 'INVALID_REQUEST' }],
      [null, { http_status: 400 }, { error_code: 'INVALID_REQUEST' }],
      [system.body({ policy_bundle: 'nowhere' }), { http_status: 400 }, { error_code: 'POLICY_NOT_FOUND' }],
      [
        system.body({ required_detectors: ['nobody'], processing_mode: 'async' }),
        { http_status: 400, processing_mode: 'async' },
        { error_code: 'INVALID_REQUEST', detail: 'unknown_detector' },
      ],
      [
        system.body({ content_type: 'image' }),
        { http_status: 400 },
        { error_code: 'INVALID_REQUEST', detail: 'content_not_an_image' },
      ],
      [
        system.body({ metadata: { callback_url: 'https://x.example' } }),
        { http_status: 400 },
        { detail: 'callback_not_allowed' },
      ],
    ];
    const requests = [good[0], ...faulty.map(([sent]) => sent), good[1]];
    const answer = await batch(system, { requests });
    expect(answer).toMatchObject({ completed_requests: 2, failed_requests: faulty.length });
    expect([answer.results[0]!.http_status, answer.results.at(-1)!.http_status]).toEqual([200, 200]);
    faulty.forEach(([, result, error], at) => {
      const failed = answer.results[at + 1]!;
      expect(failed).toMatchObject({
        ...result,
        error: { ...error, request_id: failed.request_id, response: null },
        detector_results: [],
        aggregated_payload: null,
        job_id: null,
        detectors_attempted: 0,
        error_code: failed.error!.error_code,
        routing_decision: { routing_reason: 'not_routed', selected_detectors: [] },
      });
    });
    const paths = answer.results[1]!.error!.field_errors.map(({ path }) => path);
    expect(new Set(paths)).toEqual(new Set(['content', 'extra']));
    expect(answer.results[4]!.routing_decision.policy_applied).toBe('nowhere');
  });

  it('shows the results of an item that failed after it was routed', async () => {
    for (const name of ['a', 'b', 'c']) {
      system.detectors.behave(name, status(400));
    }
    const answer = await batch(system, { requests: texts(system, 1) });
    expect(answer.failed_requests).toBe(1);
    expect(answer.results[0]).toMatchObject({
      http_status: 502,
      error_code: 'DETECTOR_COMMUNICATION_FAILED',
      detectors_failed: 3,
      error: { error_code: 'DETECTOR_COMMUNICATION_FAILED', response: null },
    });
    expect(answer.results[0]!.detector_results).toHaveLength(3);
  });

  it('of nothing but nonsense is answered all the same', async () => {
    const answer = await batch(system, { requests: [1, [], {}] });
    expect(answer).toMatchObject({ total_requests: 3, failed_requests: 3 });
  });

  it.each([
    ['no list', {}, ['requests']],
    ['a list that is none', { requests: 'x' }, ['requests']],
    ['no item', { requests: [] }, ['requests']],
    ['101 items', { requests: Array.from({ length: 101 }, () => ({})) }, ['requests']],
    ['a bare list', [], ['']],
    ['an unknown key', { requests: [{}], priority: 'low' }, ['priority']],
    ['an empty batch_id', { requests: [{}], batch_id: '' }, ['batch_id']],
    ['a batch_id of 65 characters', { requests: [{}], batch_id: 'é'.repeat(65) }, ['batch_id']],
    [
      'async_processing that is no boolean',
      { requests: [{}], async_processing: 'yes' },
      ['async_processing'],
    ],
  ])('with %s is refused as a whole [11.1]', async (_what, body, paths) => {
    const headers = { 'idempotency-key': randomUUID() };
    const answer = await system.request('POST', '/orchestrate/batch', body, headers);
    expectContractError(answer, { detail: 'validation_failed', paths });
  });

  it('without an Idempotency-Key is 400 [11.1]', async () => {
    const answer = await system.request('POST', '/orchestrate/batch', { requests: texts(system, 1) });
    expectContractError(answer, { detail: 'idempotency_key_required', paths: ['Idempotency-Key'] });
    expect(system.detectors.calls).toHaveLength(0);
  });

  it('takes a key of 64 characters', async () => {
    const key = 'k'.repeat(64);
    const answer = await batch(system, { requests: texts(system, 2), key });
    expect(answer.results.map(({ idempotency_key: own }) => own)).toEqual([`${key}#0`, `${key}#1`]);
  });

  it.each([
    ['items of two tenants', [{}, { tenant_id: 'other' }], {}],
    ['a faulty item of another tenant', [{}, { tenant_id: 'other', content: '' }], {}],
    ['another X-Tenant-ID', [{}, {}], { 'x-tenant-id': 'other' }],
  ])('with %s is 403 as a whole, and runs nothing [11.1]', async (_what, overrides, headers) => {
    const requests = overrides.map((override) => system.body(override));
    const answer = await postBatch<unknown>(system, { requests, headers });
    expectContractError(answer, { code: 'INSUFFICIENT_RBAC', detail: 'tenant_mismatch' });
    expect(system.detectors.calls).toHaveLength(0);
  });

  it('counts every item against the rate limit, and is refused as a whole when it is too much', async () => {
    const requests = texts(system, 3, { policy_bundle: 'limited' });
    const first = await postBatch(system, { requests });
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-remaining')).toBe('2');
    system.detectors.reset();
    const second = await postBatch<unknown>(system, { requests });
    expectContractError(second, { code: 'RATE_LIMITED' });
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(system.detectors.calls).toHaveLength(0);
  });

  async function expectJobsEnd(results: readonly BatchItemResult[]): Promise<void> {
    const jobs = await jobsEnded(results.flatMap(({ job_id: jobId }) => jobId ?? []));
    expect(jobs.map((job) => job.status)).toEqual(jobs.map(() => 'completed'));
  }

  function jobsEnded(jobIds: readonly string[]) {
    return Promise.all(jobIds.map((jobId) => ended(system, jobId)));
  }

  function refusesBatchesWith(content: string): Behavior {
    return (call, response) => (call.contents.includes(content) ? status(400) : findings())(call, response);
  }
});
