import type { HeldClaim } from '../../../src/store/runs';
import { claimFor } from '../../../src/submission/fingerprint';
import { Submission } from '../../../src/submission/submission';
import {
  acceptedOf,
  answerWith,
  bodyOf,
  jobId,
  jobOf,
  otherId,
  requestId,
  requestOf,
  World,
} from './support';

/** Between two looks at a run no time passes here. */
jest.mock('node:timers/promises', () => ({ setTimeout: () => Promise.resolve() }));

const key = 'the key';
const done = answerWith(200, { done: true });
const announced = answerWith(202, { job_id: 'as announced' });
const first = otherId;
const firstJob = `job-${first}`;

let world: World;
let submission: Submission;
let refused: string[];
let keys: string[];
beforeEach(() => {
  refused = [];
  keys = [];
  world = new World();
  submission = new Submission({
    planner: world.planner,
    execution: world.execution,
    cached: world.execution,
    runs: world.runs,
    orchestrations: world.orchestrations,
    gateway: world.gateway,
    keyUsed: ({ tenant_id: tenant }, outcome) => void keys.push(`${tenant} ${outcome}`),
    refused: ({ code, detail }, request) => void refused.push(`${request.tenant_id} ${code} ${detail}`),
  });
});

/** The key was used before, by the request `first`. */
function held(overrides: Partial<HeldClaim> = {}, request: object = {}): void {
  const { fingerprint, keyHash } = claimFor('POST /orchestrate', key, requestOf(request), first);
  const claim = { fingerprint, requestId: first, runId: 'first-run', leaseExpired: false, ...overrides };
  world.claims.push({ ...claim, key: keyHash.toString('hex') });
}

const submit = (idempotencyKey: string | null = key, receivedAt = Date.now()) =>
  submission.submit(acceptedOf({ idempotencyKey, receivedAt }));

describe('a store that says nothing', () => {
  it('costs no caller much more than the SLA: INTERNAL_ERROR', async () => {
    jest.useFakeTimers();
    try {
      jest.spyOn(world.runs, 'claimOn').mockReturnValue(new Promise(() => undefined));
      const answer = expect(submit()).rejects.toMatchObject({
        code: 'INTERNAL_ERROR',
        detail: 'store_or_engine_silent',
      });
      await jest.advanceTimersByTimeAsync(2499);
      expect(jest.getTimerCount()).toBe(1);
      await jest.advanceTimersByTimeAsync(1);
      await answer;
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('a request', () => {
  it('without a key just runs', async () => {
    world.arrivals.push(done);
    expect(await submit(null)).toEqual({ ...done, requestId, jobId: null });
    expect([world.claims, keys]).toEqual([[], []]);
  });

  it('with a fresh key claims it and runs', async () => {
    world.arrivals.push(done);
    expect(await submit()).toEqual({ ...done, requestId, jobId: null });
    expect(world.claims).toMatchObject([{ requestId, runId: requestId }]);
    expect(keys).toEqual(['acme new']);
  });
});

describe('a request whose key was used before', () => {
  it('is refused with 409 when its body is another', async () => {
    held({}, { content: 'another text' });
    world.answers.set(first, done);
    await expect(submit()).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      status: 409,
      detail: 'idempotency_conflict',
    });
    expect(refused).toEqual(['acme INVALID_REQUEST idempotency_conflict']);
    expect([world.boarded, keys]).toEqual([[], ['acme conflict']]);
  });

  it('gets the stored answer again', async () => {
    held();
    world.answers.set(first, done);
    expect(await submit()).toEqual({ ...done, requestId: first, jobId: null, replayed: true });
    expect([world.boarded, world.waits, keys]).toEqual([[], [], ['acme replayed']]);
  });

  it('gets the 202 of a job that runs again', async () => {
    held();
    world.answers.set(first, announced);
    world.jobs.set(firstJob, jobOf({ status: 'running' }));
    expect(await submit()).toEqual({ ...announced, requestId: first, jobId: firstJob, replayed: true });
  });

  it('gets the 202 of a pending job once the engine knows its run', async () => {
    held();
    world.answers.set(first, announced);
    world.jobs.set(firstJob, jobOf({ status: 'pending' }));
    world.states.set('first-run', 'running');
    expect(await submit()).toMatchObject({ status: 202, jobId: firstJob, replayed: true });
  });

  it('joins the run that is under way, on its own clock', async () => {
    held();
    world.arrivals.push(done);
    const receivedAt = Date.now();
    expect(await submit(key, receivedAt)).toEqual({ ...done, requestId: first, jobId: null });
    expect(world.waits).toEqual([{ requestId: first, deadline: receivedAt + 1500 }]);
    expect(world.boarded).toEqual([]);
  });

  it('converts the joined run into the job of the first', async () => {
    held();
    world.states.set('first-run', 'running');
    world.arrivals.push(null);
    const answer = await submit();
    expect(answer).toMatchObject({ status: 202, requestId: first, jobId: firstJob });
    expect(world.recorded).toMatchObject([{ requestId: first, runId: 'first-run', jobId: firstJob }]);
  });

  it('looks again until the engine knows the run it joined', async () => {
    held();
    world.arrivals.push(null);
    const states = ['absent', 'absent', 'running'] as const;
    let looks = 0;
    world.gateway.stateOf = () => Promise.resolve(states[looks++]!);
    expect(await submit()).toMatchObject({ status: 202, jobId: firstJob });
    expect(looks).toBe(3);
  });

  it('fails rather than announce a run of which nobody knows at its SLA', async () => {
    held();
    world.arrivals.push(null);
    await expect(submit(key, Date.now() - 2000)).rejects.toMatchObject({
      code: 'INTERNAL_ERROR',
      detail: 'start_unconfirmed',
    });
    expect(world.recorded).toEqual([]);
    expect(world.claims).toHaveLength(1);
  });

  it('fails when the key changed hands while it waited', async () => {
    held();
    world.arrivals.push(null);
    world.gateway.stateOf = () => {
      world.claims.splice(0);
      return Promise.resolve('absent');
    };
    await expect(submit()).rejects.toMatchObject({ detail: 'start_unconfirmed' });
  });

  it.each([
    ['nothing is stored', null],
    ['only the announcement of a job is', announced],
  ])('takes over a dead claim: %s', async (_what, stored) => {
    held({ leaseExpired: true });
    if (stored) world.answers.set(first, stored);
    world.arrivals.push(done);
    expect(await submit()).toEqual({ ...done, requestId, jobId: null });
    expect(world.events.slice(0, 3)).toEqual(['abandon first-run', `claim ${requestId}`, 'board']);
    expect(world.claims).toMatchObject([{ requestId }]);
  });

  it('joins a run that lives although the lease is over', async () => {
    held({ leaseExpired: true });
    world.states.set('first-run', 'running');
    world.arrivals.push(done);
    expect(await submit()).toMatchObject({ status: 200, requestId: first });
    expect(world.claims).toMatchObject([{ requestId: first }]);
  });

  it('passes other failures on', async () => {
    held({ leaseExpired: true });
    const failure = new Error('no engine');
    world.gateway.stateOf = () => Promise.reject(failure);
    await expect(submit()).rejects.toBe(failure);
  });

  it('gives up when the key is taken from it again and again', async () => {
    world.runs.claimOn = () => Promise.resolve(null);
    world.runs.claim = () => {
      world.events.push('lost');
      return Promise.resolve(false);
    };
    await expect(submit()).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    expect(world.events).toEqual(Array(5).fill('lost'));
  });
});

describe('the id of a job as key', () => {
  it.each([
    ['the announcement while it runs', announced, jobId],
    ['the verdict when it has ended', done, null],
  ])('stands for the job: %s', async (_what, answer, job) => {
    world.jobs.set(jobId, jobOf({ answer }));
    const replay = await submit(jobId);
    expect(replay).toEqual({ ...answer, requestId, jobId: job, replayed: true });
    expect(bodyOf(replay)).toEqual(bodyOf(answer));
    expect(world.boarded).toEqual([]);
  });

  it.each([
    ['that does not exist', null],
    ['of another tenant', jobOf({ tenantId: 'other' })],
    ['that was cancelled', jobOf({ status: 'cancelled' })],
    ['without an answer', jobOf({ answer: null })],
  ])('is refused with 404 for a job %s', async (_which, job) => {
    if (job) world.jobs.set(jobId, job);
    await expect(submit(jobId)).rejects.toMatchObject({ status: 404, detail: 'job_not_found' });
    expect(world.claims).toEqual([]);
  });
});
