import { ConclaveError } from '../../../src/contract/errors';
import { claimFor } from '../../../src/submission/fingerprint';
import { readRecipe } from '../../../src/submission/recipe';
import { StartUncertainError } from '../../../src/submission/run-gateway';
import { success } from '../domain/support';
import {
  acceptedOf,
  answerWith,
  bodyOf,
  jobId,
  planWith,
  plannedWith,
  receivedAt,
  requestId,
  World,
} from './support';

const done = answerWith(200, { done: true });
const claimOf = (accepted = acceptedOf()) =>
  claimFor('POST /orchestrate', 'the key', accepted.request, requestId);
const withoutConversion = plannedWith({ plan: planWith({ allow_async_conversion: false }) });

let world: World;
beforeEach(() => {
  world = new World();
});

describe('a sync request', () => {
  it('is answered with what arrives in time', async () => {
    world.arrivals.push(done);
    const answer = await world.execution.run(acceptedOf(), world.planned, null);
    expect(answer).toEqual({ ...done, requestId, jobId: null });
    expect(world.waits).toEqual([{ requestId, deadline: receivedAt + 1500 }]);
    expect(world.recorded).toEqual([]);
    expect(world.events).toEqual(['board', 'done']);
  });

  it('boards with its own clock, identity and length in code points', async () => {
    world.arrivals.push(done);
    await world.execution.run(
      acceptedOf({ idempotencyKey: 'the key', routingTokens: ['token'] }, { metadata: { k: 'v' } }),
      world.planned,
      null,
    );
    expect(world.boarded).toEqual([
      expect.objectContaining({
        request_id: requestId,
        mode: 'sync',
        content_length: 8,
        metadata: { k: 'v' },
        idempotency_key: 'the key',
        routing_tokens: ['token'],
        health_status: { a: true, b: true },
        sla_at: receivedAt + 2000,
        cut_at: receivedAt + 29_500,
        deadline_at: receivedAt + 30_000,
      }),
    ]);
  });

  it('claims its key before it boards', async () => {
    world.arrivals.push(done);
    await world.execution.run(acceptedOf(), world.planned, claimOf());
    expect(world.events).toEqual([`claim ${requestId}`, 'board', 'done']);
  });

  it('starts nothing when another request holds the key', async () => {
    await world.runs.claim({ ...claimOf(), requestId: 'another' }, 'other-run');
    world.events.length = 0;
    expect(await world.execution.run(acceptedOf(), world.planned, claimOf())).toBeNull();
    expect(world.events).toEqual([]);
  });

  it('becomes a job at the convert point, with the results that are known', async () => {
    world.arrivals.push(null);
    world.memo.remember('run', 'b', [[requestId, success('b', 'toxic')]]);
    world.memo.remember('run', 'a', [['another request', success('a', 'toxic')]]);
    const answer = await world.execution.run(acceptedOf(), world.planned, null);
    expect(answer).toMatchObject({ status: 202, requestId, jobId });
    expect(world.conversions).toEqual(['acme elapsed']);
    expect(bodyOf(answer)).toMatchObject({
      job_id: jobId,
      detector_results: [{ detector: 'b', status: 'success', output: 'toxic' }],
      detectors_succeeded: 1,
      idempotency_key: jobId,
    });
    expect(world.recorded).toEqual([
      expect.objectContaining({ requestId, jobId, runId: 'run', status: 'running', planned: 2 }),
    ]);
    expect(world.recorded[0]!.answer.body).toEqual(answer!.body);
    expect(world.events).toEqual(['board', 'hurry', `record ${jobId} running`, 'done']);
  });

  it('keeps no content in the recipe of its job', async () => {
    world.arrivals.push(null);
    await world.execution.run(acceptedOf(), world.planned, null);
    const { recipe } = world.recorded[0]!;
    expect(recipe.toString()).not.toContain('a text');
    expect(readRecipe(recipe)).toMatchObject({ plan: world.planned.plan, request: { tenant_id: 'acme' } });
  });

  it.each([
    [200, null],
    [202, jobId],
  ])('sends a stored %i when that was written before its conversion', async (status, job) => {
    world.arrivals.push(null);
    world.atPause = (name) => {
      if (name === 'converting') world.answers.set(requestId, answerWith(status, { first: 'writer' }));
    };
    const answer = await world.execution.run(acceptedOf(), world.planned, null);
    expect(answer).toEqual({ ...answerWith(status, { first: 'writer' }), requestId, jobId: job });
    expect(world.recorded).toEqual([]);
  });

  it('waits on until its SLA, less a reserve, when only the mapper is still to answer', async () => {
    world.aggregated.add('run');
    world.arrivals.push(null, done);
    const answer = await world.execution.run(acceptedOf(), world.planned, null);
    expect(answer).toMatchObject({ status: 200, jobId: null });
    expect(world.waits.map(({ deadline }) => deadline - receivedAt)).toEqual([1500, 1980]);
    expect(world.recorded).toEqual([]);
  });

  it('becomes a job all the same when the mapper does not answer either', async () => {
    world.aggregated.add('run');
    world.arrivals.push(null, null);
    expect(await world.execution.run(acceptedOf(), world.planned, null)).toMatchObject({ status: 202 });
  });

  it('ends with 408 where conversion is not allowed', async () => {
    world.arrivals.push(null, null);
    const answer = await world.execution.run(acceptedOf(), withoutConversion, null);
    expect(answer).toMatchObject({ status: 408, jobId: null });
    expect(bodyOf(answer)).toMatchObject({
      error_code: 'REQUEST_TIMEOUT',
      retryable: true,
      request_id: requestId,
    });
    expect(world.waits.map(({ deadline }) => deadline - receivedAt)).toEqual([1500, 1980]);
    expect(world.recorded).toEqual([]);
  });

  it('takes a verdict that comes between convert point and SLA where conversion is not allowed', async () => {
    world.arrivals.push(null, done);
    expect(await world.execution.run(acceptedOf(), withoutConversion, null)).toMatchObject({ status: 200 });
  });

  it('frees its key when the start failed', async () => {
    world.rideStart = () => Promise.reject(new Error('no store'));
    world.arrivals.push(null);
    const failed = world.execution.run(acceptedOf(), world.planned, claimOf());
    await expect(failed).rejects.toMatchObject({
      code: 'INTERNAL_ERROR',
      detail: 'store_or_engine_error',
    });
    expect(world.claims).toEqual([]);
    expect(world.events.at(-1)).toBe('done');
  });

  it('fails the same way without a key', async () => {
    world.rideStart = () => Promise.reject(new Error('no store'));
    world.arrivals.push(null);
    const failed = world.execution.run(acceptedOf(), world.planned, null);
    await expect(failed).rejects.toMatchObject({ detail: 'store_or_engine_error' });
    expect(world.events).toEqual(['board', 'hurry', 'done']);
  });

  it('keeps its key when it is uncertain whether the run started', async () => {
    world.rideStart = () => Promise.reject(new StartUncertainError('no acknowledgement'));
    world.arrivals.push(null);
    const failed = world.execution.run(acceptedOf(), world.planned, claimOf());
    await expect(failed).rejects.toMatchObject({ detail: 'workflow_engine_unreachable' });
    expect(world.claims).toHaveLength(1);
    expect(world.events).not.toContain(`release ${requestId}`);
  });

  it('passes a canonical error on as it is', async () => {
    const refusal = new ConclaveError('RATE_LIMITED', 'too many');
    world.arrivals.push(null);
    world.rideStart = () => Promise.reject(refusal);
    await expect(world.execution.run(acceptedOf(), world.planned, claimOf())).rejects.toBe(refusal);
  });
});

describe('a requested job', () => {
  const asked = acceptedOf(
    { parentJobId: 'job-before', priorResults: [success('a', 'toxic')] },
    {
      processing_mode: 'async',
    },
  );

  it('is durable, claim, key and record in one transaction, before it starts', async () => {
    const answer = await world.execution.run(asked, world.planned, claimOf());
    expect(world.events).toEqual([
      'begin',
      `claim ${jobId}`,
      `open ${jobId} 0`,
      `record ${jobId} pending`,
      'commit',
      `start ${jobId}`,
    ]);
    expect(answer).toMatchObject({ status: 202, requestId, jobId });
    expect(world.waits).toEqual([]);
    // Any process may take it up.
    expect(world.memo.wasBornHere(jobId)).toBe(false);
  });

  it('runs alone under its own id, with what was taken over', async () => {
    const answer = await world.execution.run(asked, world.planned, null);
    expect(world.started[0]!.input).toMatchObject({
      run_id: jobId,
      facade_id: null,
      recovery: 0,
      members: [
        {
          mode: 'async',
          parent_job_id: 'job-before',
          convert_at: receivedAt,
          prior_results: [{ detector: 'a' }],
        },
      ],
    });
    expect(bodyOf(answer)).toMatchObject({ detector_results: [{ detector: 'a' }], processing_mode: 'async' });
    expect(world.recorded[0]).toMatchObject({ parentJobId: 'job-before', receivedAt: new Date(receivedAt) });
  });

  it('opens nothing when another request holds the key', async () => {
    await world.runs.claim({ ...claimOf(), requestId: 'another' }, 'other-run');
    expect(await world.execution.run(asked, world.planned, claimOf())).toBeNull();
    expect(world.recorded).toEqual([]);
    expect(world.started).toEqual([]);
  });

  it('is abandoned when the start failed', async () => {
    world.startError = new Error('refused');
    const failed = world.execution.run(asked, world.planned, claimOf());
    await expect(failed).rejects.toMatchObject({ code: 'INTERNAL_ERROR', detail: 'store_or_engine_error' });
    expect(world.events.slice(-2)).toEqual([`start ${jobId}`, `abandon ${jobId}`]);
    expect(world.claims).toEqual([]);
  });

  it('is kept when it is uncertain whether it started', async () => {
    world.startError = new StartUncertainError('no acknowledgement');
    const failed = world.execution.run(asked, world.planned, claimOf());
    await expect(failed).rejects.toMatchObject({ detail: 'workflow_engine_unreachable' });
    expect(world.events.at(-1)).toBe(`start ${jobId}`);
    expect(world.claims).toHaveLength(1);
  });
});

describe('a sync request that is projected to be slow', () => {
  it('is a job from the beginning', async () => {
    const answer = await world.execution.run(acceptedOf(), plannedWith({ projectedMs: 1501 }), null);
    expect(answer).toMatchObject({ status: 202, jobId });
    expect(world.conversions).toEqual(['acme projected']);
    expect(world.boarded).toEqual([]);
    expect(world.recorded[0]).toMatchObject({ status: 'pending' });
  });

  it.each([
    ['exactly at the convert point', plannedWith({ projectedMs: 1500 })],
    ['when conversion is not allowed', { ...withoutConversion, projectedMs: 60_000 }],
  ])('stays sync %s', async (_when, planned) => {
    world.arrivals.push(done);
    expect(await world.execution.run(acceptedOf(), planned, null)).toMatchObject({ status: 200 });
    expect(world.boarded).toHaveLength(1);
  });
});
