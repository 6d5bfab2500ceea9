import { randomUUID } from 'node:crypto';
import { type JobStatusResponse, orchestrationResponseSchema } from '../../../src/contract/answer';
import { searchAttributes } from '../../../src/workflows/search-attributes';
import { eventually } from '../../support/eventually';
import { flags, held, status } from '../../support/fake-detectors';
import { type Part, System } from '../../support/system';
import { ended, failureTypeOf, hold, jobOf, submitJob, workflowOf } from './job-support';

const three = ['a', 'b', 'c'] as const;

describe('Jobs', () => {
  let system: System;
  // No worker of this pool runs until a test starts one.
  const pool = `late-${randomUUID()}`;
  beforeAll(async () => {
    system = await System.start({
      detectors: [...three, { name: 'pooled', pool }],
      policies: {
        'demo/default': { policy: { required_detectors: [...three] } },
        'demo/pooled': { policy: { required_detectors: ['pooled'] } },
      },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  it('are announced by 202 with the full shape, where to look and when [9] [11.3]', async () => {
    hold(system, three);
    const { status: code, headers, body } = await system.orchestrate({ processing_mode: 'async' });
    expect(code).toBe(202);
    expect(orchestrationResponseSchema.parse(body)).toMatchObject({
      job_id: `job-${body.request_id}`,
      processing_mode: 'async',
      detector_results: [],
      aggregated_payload: null,
      mapping_result: null,
      detectors_attempted: 0,
      coverage_achieved: 0,
      error_code: null,
      idempotency_key: body.job_id,
    });
    expect(Object.fromEntries(headers)).toMatchObject({
      location: `/api/v1/orchestrate/status/${body.job_id}`,
      'retry-after': '1',
      'cache-control': 'no-store',
      'x-request-id': body.request_id,
      'x-correlation-id': body.correlation_id,
    });
    const found = await fetch(new URL(headers.get('location')!, system.url));
    expect(((await found.json()) as JobStatusResponse).job_id).toBe(body.job_id);
  });

  it('report rising progress that never falls, then the result [9.1] [11.1]', async () => {
    const releases = hold(system, three, flags('toxic', 0.9));
    const jobId = await submitJob(system);
    const seen: JobStatusResponse[] = [];
    const untilProgress = (progress: number) =>
      eventually(
        async () => {
          seen.push(await jobOf(system, jobId));
          return seen.at(-1)!;
        },
        (job) => job.progress >= progress,
      );
    expect(await untilProgress(0.1)).toMatchObject({ status: 'running', result: null, completed_at: null });
    expect(seen.at(-1)!.started_at).not.toBeNull();
    releases.c();
    expect(await untilProgress(0.3)).toMatchObject({ status: 'running', progress: 0.3 });
    releases.a();
    expect(await untilProgress(0.5)).toMatchObject({ status: 'running', progress: 0.5, result: null });
    releases.b();
    const done = await untilProgress(1);

    expect(done).toMatchObject({ status: 'completed', error: null, error_code: null, parent_job_id: null });
    expect(done.result).toMatchObject({
      request_id: done.request_id,
      job_id: jobId,
      processing_mode: 'async',
      detectors_succeeded: 3,
      coverage_achieved: 1,
    });
    expect(Date.parse(done.completed_at!)).toBeGreaterThanOrEqual(Date.parse(done.started_at!));
    const progress = seen.map((job) => job.progress);
    expect(progress).toEqual(progress.toSorted((x, y) => x - y));
  });

  it('whose coverage falls short are completed, with PARTIAL_COVERAGE inside [9.1] [11.3]', async () => {
    system.detectors.behave('b', status(400));
    const done = await ended(system, await submitJob(system));
    expect(done).toMatchObject({
      status: 'completed',
      progress: 1,
      error: null,
      error_code: 'PARTIAL_COVERAGE',
      result: { error_code: 'PARTIAL_COVERAGE', fallback_used: true, detectors_failed: 1 },
    });
    expect(done.result!.aggregated_payload).not.toBeNull();
    await workflowOf(system, done.job_id, 'COMPLETED');
  });

  it('that fail keep their partial result and are Failed in Temporal with the canonical code [9.1]', async () => {
    for (const name of three) system.detectors.behave(name, status(400));
    const done = await ended(system, await submitJob(system));
    expect(done).toMatchObject({
      status: 'failed',
      progress: 1,
      error: 'no detector gave a usable answer',
      error_code: 'DETECTOR_COMMUNICATION_FAILED',
      result: { error_code: 'DETECTOR_COMMUNICATION_FAILED', detectors_failed: 3, aggregated_payload: null },
    });
    const { typedSearchAttributes: attributes } = await workflowOf(system, done.job_id, 'FAILED');
    expect(await failureTypeOf(system, done.job_id)).toBe('DETECTOR_COMMUNICATION_FAILED');
    expect(attributes.get(searchAttributes.kind)).toBe('job');
    expect(attributes.get(searchAttributes.jobId)).toEqual([done.job_id]);
    expect(attributes.get(searchAttributes.errorCode)).toBe('DETECTOR_COMMUNICATION_FAILED');
    expect(attributes.get(searchAttributes.outcome)).toBe('failed');
  });

  it('are found in Temporal by tenant, bundle and planned detectors, without their content', async () => {
    const content = 'the content of a job that operators look for';
    const { job_id: jobId } = await ended(system, await submitJob(system, { content, priority: 'high' }));
    const { typedSearchAttributes: attributes, memo } = await workflowOf(system, jobId, 'COMPLETED');
    expect(attributes.get(searchAttributes.tenant)).toBe('demo');
    expect(attributes.get(searchAttributes.policyBundle)).toBe('default');
    expect(attributes.get(searchAttributes.priorityClass)).toBe('high');
    expect(attributes.get(searchAttributes.plannedDetectors)).toEqual([...three]);
    const history = await system.temporal.workflow.getHandle(jobId).fetchHistory();
    expect(JSON.stringify([history, memo])).not.toContain(content);
  });

  it('of another tenant, unknown or malformed are 404 to every verb [C.9]', async () => {
    const { job_id: jobId } = await ended(system, await submitJob(system));
    const stranger = { 'x-tenant-id': 'somebody-else' };
    const asked = [
      [jobId, stranger],
      [`job-${randomUUID()}`, {}],
      ['job-1', {}],
    ] as const;
    for (const [id, headers] of asked) {
      const answers = await Promise.all([
        system.request('GET', `/orchestrate/status/${id}`, undefined, headers),
        system.request('DELETE', `/orchestrate/status/${id}`, undefined, headers),
        system.request('POST', `/orchestrate/jobs/${id}/rerun`, {}, headers),
      ]);
      for (const { status: code, body } of answers) {
        expect([code, body]).toEqual([404, expect.objectContaining({ detail: 'job_not_found' })]);
      }
    }
    expect((await system.request('GET', `/orchestrate/status/${jobId}`)).status).toBe(200);
  });

  it('are pending until a worker takes them up [9.1]', async () => {
    const jobId = await submitJob(system, { policy_bundle: 'pooled' });
    expect(await jobOf(system, jobId)).toMatchObject({
      status: 'pending',
      progress: 0,
      started_at: null,
      completed_at: null,
      result: null,
    });
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('pooled', gate.behavior);
    await system.startPart('worker', { ORCHESTRATION_WORKFLOW__POOLS: JSON.stringify([pool]) });
    await system.detectors.called('pooled');
    expect(await jobOf(system, jobId)).toMatchObject({ status: 'running', progress: 0.1 });
    gate.release();
    expect(await ended(system, jobId)).toMatchObject({ status: 'completed', progress: 1 });
  });
});

describe('Jobs with a mapper', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({ mapper: 'real' });
  });
  afterAll(() => system?.stop());

  /** Every process takes jobs. @returns one that this one took, and holds */
  async function jobHeldBy(part: Part): Promise<string> {
    for (;;) {
      system.detectors.reset();
      const jobId = await submitJob(system);
      const state = await eventually(
        async () => (part.log.includes('paused at') ? 'held' : (await jobOf(system, jobId)).status),
        (now) => now === 'held' || now === 'completed',
      );
      if (state === 'held') return jobId;
    }
  }

  it('are at 0.95 once mapped, and outlive the facade that ran them [9] [9.1]', async () => {
    const survivor = system.url;
    const doomed = await system.startPart('api', { CONCLAVE_PAUSE_AT: 'publishing' });
    system.url = survivor;
    const jobId = await jobHeldBy(doomed);
    expect(await jobOf(system, jobId)).toMatchObject({ status: 'running', progress: 0.95 });
    await doomed.kill();
    const done = await ended(system, jobId);
    expect(done).toMatchObject({ status: 'completed', progress: 1 });
    expect(done.result!.mapping_result).not.toBeNull();
    for (const name of three) expect(system.detectors.callsOf(name)).toHaveLength(1);
  });
});
