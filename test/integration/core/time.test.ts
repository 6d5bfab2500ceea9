import {
  type ErrorResponse,
  errorResponseSchema,
  type JobStatusResponse,
  orchestrationResponseSchema,
} from '../../../src/contract/answer';
import { after, findings, flags, hangs, held, status } from '../../support/fake-detectors';
import { System } from '../../support/system';

/** What a busy machine may add to an answer that left in time. */
const slackMs = 700;
const sla = { critical: 1000, normal: 2000 } as const;
const convertAfter = { critical: 500, normal: 1500 } as const;

const slow = (average_processing_time_ms: number) => ({
  capabilities: { supported_content_types: ['text' as const], average_processing_time_ms },
});
/** No attempt of its own ends it before the request does. */
const endless = { timeout_ms: 30_000, max_retries: 0 };

describe('Time', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      detectors: [
        'quick',
        { name: 'stuck', ...endless },
        'overbusy',
        { name: 'declared-600', ...slow(600) },
        { name: 'declared-900', ...slow(900) },
        { name: 'declared-700-later', ...slow(700), depends_on: ['declared-900'] },
      ],
      policies: {
        'demo/default': { policy: { required_detectors: ['quick', 'stuck'] } },
        'demo/stuck': { policy: { required_detectors: ['stuck'] } },
        'demo/quick': { policy: { required_detectors: ['quick'] } },
        'demo/rigid': { policy: { required_detectors: ['quick', 'stuck'], allow_async_conversion: false } },
        'demo/rigid-busy': {
          policy: { required_detectors: ['quick', 'overbusy'], allow_async_conversion: false },
        },
        'demo/rigid-stuck': { policy: { required_detectors: ['stuck'], allow_async_conversion: false } },
        'demo/projected': { policy: { required_detectors: ['declared-900', 'declared-700-later'] } },
        'demo/rigid-projected': {
          policy: {
            required_detectors: ['declared-900', 'declared-700-later'],
            allow_async_conversion: false,
          },
        },
        'demo/declared-600': { policy: { required_detectors: ['declared-600'] } },
      },
      env: { ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '4000' },
    });
    // The first request pays for what a process does once.
    await system.orchestrate({ policy_bundle: 'quick' });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  async function timed<T>(ask: () => Promise<T>): Promise<T & { elapsed: number }> {
    const startedAt = Date.now();
    const answer = await ask();
    return { ...answer, elapsed: Date.now() - startedAt };
  }

  const tokensOf = (results: readonly { detector: string; status: string; error: string | null }[]) =>
    Object.fromEntries(results.map((result) => [result.detector, result.error ?? result.status]));

  async function ended(jobId: string): Promise<JobStatusResponse> {
    return (await system.ended(jobId)) as unknown as JobStatusResponse;
  }

  describe('a sync call over its budget', () => {
    it('becomes a 202 whose job finishes the same execution, no detector called twice [9.2] [11.3]', async () => {
      const gate = held(flags('toxic', 0.9));
      system.detectors.behave('stuck', gate.behavior);
      const sent = await timed(() => system.orchestrate());
      expect(sent.status).toBe(202);
      expect(sent.elapsed).toBeLessThan(sla.normal + slackMs);
      const body = orchestrationResponseSchema.parse(sent.body);
      expect(body).toMatchObject({
        processing_mode: 'async',
        error_code: null,
        aggregated_payload: null,
        coverage_achieved: 0,
        idempotency_key: body.job_id,
      });
      expect(body.total_processing_time_ms).toBeGreaterThanOrEqual(convertAfter.normal);
      expect(tokensOf(body.detector_results)).toEqual({ quick: 'success' });
      expect(sent.headers.get('location')).toBe(`/api/v1/orchestrate/status/${body.job_id}`);
      expect(sent.headers.get('retry-after')).toBe('1');

      gate.release();
      const job = await ended(body.job_id!);
      expect(job).toMatchObject({ status: 'completed', progress: 1, request_id: body.request_id });
      expect(job.result).toMatchObject({ coverage_achieved: 1, processing_mode: 'async' });
      expect(tokensOf(job.result!.detector_results)).toEqual({ quick: 'success', stuck: 'success' });
      expect(system.detectors.calls.map(({ detector }) => detector).toSorted()).toEqual(['quick', 'stuck']);
    });

    it('with a detector that hangs for ever ends as a partial job at its deadline [9.2]', async () => {
      system.detectors.behave('stuck', hangs);
      const { status: code, body } = await system.orchestrate();
      expect(code).toBe(202);
      const job = await ended(body.job_id!);
      expect(job).toMatchObject({ status: 'completed', error_code: 'PARTIAL_COVERAGE' });
      expect(tokensOf(job.result!.detector_results)).toEqual({
        quick: 'success',
        stuck: 'request_deadline',
      });
      expect(job.result!.coverage_achieved).toBe(0.5);
      expect(system.detectors.callsOf('stuck')).toHaveLength(1);
    });

    it('without any success ends as a failed job, REQUEST_TIMEOUT, partial results kept [9.2] [C.4]', async () => {
      system.detectors.behave('stuck', hangs);
      const { status: code, body } = await system.orchestrate({ policy_bundle: 'stuck' });
      expect(code).toBe(202);
      const job = await ended(body.job_id!);
      expect(job).toMatchObject({ status: 'failed', error_code: 'REQUEST_TIMEOUT', progress: 1 });
      expect(tokensOf(job.result!.detector_results)).toEqual({ stuck: 'request_deadline' });
    });
  });

  describe('with conversion off', () => {
    it('a hung detector is cut, and the rest is answered by the SLA [9.2]', async () => {
      system.detectors.behave('stuck', hangs);
      const sent = await timed(() => system.orchestrate({ policy_bundle: 'rigid' }));
      expect(sent.status).toBe(206);
      expect(sent.elapsed).toBeLessThan(sla.normal + slackMs);
      expect(sent.body).toMatchObject({ job_id: null, processing_mode: 'sync', coverage_achieved: 0.5 });
      expect(tokensOf(sent.body.detector_results)).toEqual({
        quick: 'success',
        stuck: 'request_deadline',
      });
      expect(sent.body.detector_results.find(({ detector }) => detector === 'stuck')?.status).toBe('timeout');
      expect(sent.body.aggregated_payload?.metadata['contributing_detectors']).toEqual(['quick']);
    });

    it('it is 408 REQUEST_TIMEOUT when no detector answered [9.2] [11.3] [C.4]', async () => {
      system.detectors.behave('stuck', hangs);
      const sent = await timed(() => system.orchestrate<ErrorResponse>({ policy_bundle: 'rigid-stuck' }));
      expect(sent.status).toBe(408);
      expect(sent.elapsed).toBeLessThan(sla.normal + slackMs);
      const body = errorResponseSchema.parse(sent.body);
      expect(body).toMatchObject({ error_code: 'REQUEST_TIMEOUT', retryable: true, fallback_used: true });
      expect(tokensOf(body.response!.detector_results)).toEqual({ stuck: 'request_deadline' });
      expect(sent.headers.get('location')).toBeNull();
    });

    it('slow detectors are asked all the same, in the time there is [9.2]', async () => {
      const { status: code, body } = await system.orchestrate({ policy_bundle: 'rigid-projected' });
      expect([code, body.processing_mode, body.detectors_succeeded]).toEqual([200, 'sync', 2]);
    });
  });

  describe('a request that is projected to take too long', () => {
    it('is a job at once: the sum over the stages counts [9.2]', async () => {
      const gate = held(findings());
      system.detectors.behave('declared-900', gate.behavior);
      const { status: code, body } = await system.orchestrate({ policy_bundle: 'projected' });
      expect(code).toBe(202);
      // The detector is held: only a job from the start can have been answered before the point of conversion.
      expect(body.total_processing_time_ms).toBeLessThan(convertAfter.normal);
      gate.release();
      const job = await ended(body.job_id!);
      expect(job).toMatchObject({ status: 'completed', result: { coverage_achieved: 1 } });
    });

    it('by the measure of its priority [9.2]', async () => {
      const normal = await system.orchestrate({ policy_bundle: 'declared-600' });
      expect(normal.status).toBe(200);
      const critical = await system.orchestrate({ policy_bundle: 'declared-600', priority: 'critical' });
      expect(critical.status).toBe(202);
      expect((await ended(critical.body.job_id!)).status).toBe('completed');
    });
  });

  describe('a priority has an SLA of its own', () => {
    it('critical: a hung detector is answered by 1000 ms', async () => {
      system.detectors.behave('stuck', hangs);
      const sent = await timed(() => system.orchestrate({ priority: 'critical' }));
      expect(sent.status).toBe(202);
      expect(sent.body.total_processing_time_ms).toBeGreaterThanOrEqual(convertAfter.critical);
      expect(sent.elapsed).toBeLessThan(sla.critical + slackMs);
    });

    it('low: a detector of 2500 ms is waited for', async () => {
      system.detectors.behave('stuck', after(2500, findings()));
      const { status: code, body } = await system.orchestrate({ priority: 'low' });
      expect([code, body.processing_mode, body.coverage_achieved]).toEqual([200, 'sync', 1]);
    });

    it('high: as normal', async () => {
      system.detectors.behave('stuck', hangs);
      const { status: code, body } = await system.orchestrate({ priority: 'high' });
      expect(code).toBe(202);
      expect(body.total_processing_time_ms).toBeGreaterThanOrEqual(convertAfter.normal);
      expect(body.total_processing_time_ms).toBeLessThan(sla.normal + slackMs);
    });
  });

  it('a retry that would come too late is not waited for', async () => {
    system.detectors.behave('overbusy', status(429, { 'retry-after': '2' }));
    const { status: code, body } = await system.orchestrate({ policy_bundle: 'rigid-busy' });
    expect(code).toBe(206);
    expect(tokensOf(body.detector_results)).toMatchObject({ quick: 'success' });
    expect(body.total_processing_time_ms).toBeLessThan(convertAfter.normal);
    expect(system.detectors.callsOf('overbusy')).toHaveLength(1);
  });
});
