import type { Planned } from '../../../src/planning/planner';
import { RunKeyDestroyedError } from '../../../src/store/key-ring';
import type { Job, Orchestrations } from '../../../src/store/orchestrations';
import type { RerunRequest } from '../../../src/contract/request';
import type { AllowedBy } from '../../../src/domain/suppression';
import { Jobs } from '../../../src/submission/jobs';
import { recipeOf } from '../../../src/submission/recipe';
import type { RunGateway } from '../../../src/submission/run-gateway';
import { failure, finding, planned as detector, planOf, success } from '../domain/support';
import {
  answerWith,
  inputOf,
  jobId,
  jobOf,
  memberOf,
  otherId,
  plannedWith,
  planWith,
  receivedAt,
  requestId,
  requestOf,
  World,
} from './support';

const completedAt = new Date(receivedAt + 5000);
const response = {
  request_id: requestId,
  detector_results: [success('a', 'toxic'), success('gone', 'toxic'), failure('b', 'attempt_timeout')],
};
const completed = jobOf({ status: 'completed', completedAt, answer: answerWith(200, response) });

const allowedBy: AllowedBy = (_detector, { fingerprint }) => (fingerprint === 'known' ? 'allow-2' : null);

let world: World;
let suspended: boolean;
let keys: string[];
let jobs: Jobs;
beforeEach(() => {
  keys = [];
  world = new World();
  suspended = false;
  jobs = new Jobs({
    orchestrations: world.orchestrations as unknown as Orchestrations,
    runs: world.runs,
    planner: world.planner,
    execution: world.execution,
    keyUsed: ({ tenant_id: tenant }, outcome) => void keys.push(`${tenant} ${outcome}`),
    gateway: world.gateway as unknown as RunGateway,
    allowedBy: async (plan) => (plan.allow_list ? allowedBy : null),
    callbacks: { stateOf: () => Promise.resolve(null), replay: () => Promise.resolve() },
    tenants: {
      requireActive(tenantId) {
        if (tenantId !== 'acme' || suspended) throw new Error('tenant_inactive');
      },
    },
    uploads: { open: (tenantId, ref) => Promise.resolve({ content: `${tenantId} ${ref}` }) },
  });
});

const statusOf = (job: Job) => {
  world.jobs.set(job.jobId, job);
  return jobs.status(job.jobId, 'acme');
};

describe('the status of a job', () => {
  it.each<[number, string, Partial<Job>]>([
    [0, 'has not begun', { status: 'pending', startedAt: null }],
    [0.1, 'has begun', {}],
    [0.4, 'has half of its detectors', { finishedDetectors: 1 }],
    [0.7, 'has all of its detectors', { finishedDetectors: 2 }],
    [0.7, 'has more results than it planned', { finishedDetectors: 3 }],
    [0.3, 'has a third of its detectors', { planned: 3, finishedDetectors: 1 }],
    [0.1, 'has planned none', { planned: 0 }],
    [0.8, 'is aggregated', { stage: 'aggregated', finishedDetectors: 1 }],
    [0.95, 'is mapped', { stage: 'mapped' }],
    [1, 'is completed', { status: 'completed', answer: answerWith(200, response) }],
    [1, 'has failed', { status: 'failed', startedAt: null }],
    [0.8, 'was cancelled on the way', { status: 'cancelled', stage: 'aggregated' }],
  ])('has progress %d when it %s', async (progress, _when, job) => {
    expect((await statusOf(jobOf(job))).progress).toBe(progress);
  });

  it('shows no result, error or end while the job runs', async () => {
    const announced = answerWith(202, response);
    expect(await statusOf(jobOf({ answer: announced, parentJobId: 'job-before' }))).toEqual({
      job_id: jobId,
      request_id: requestId,
      tenant_id: 'acme',
      status: 'running',
      created_at: '1970-01-01T00:16:40.000Z',
      started_at: '1970-01-01T00:16:40.000Z',
      completed_at: null,
      progress: 0.1,
      result: null,
      error: null,
      error_code: null,
      callback: null,
      parent_job_id: 'job-before',
    });
  });

  it('carries the whole answer when the job is completed', async () => {
    expect(await statusOf({ ...completed, errorCode: 'PARTIAL_COVERAGE' })).toMatchObject({
      completed_at: '1970-01-01T00:16:45.000Z',
      result: response,
      error: null,
      error_code: 'PARTIAL_COVERAGE',
    });
  });

  it('carries what a failed job reached out of its error', async () => {
    const answer = answerWith(502, { error_code: 'X', message: 'no detector answered', response });
    const job = jobOf({ status: 'failed', errorCode: 'ALL_DETECTORS_UNAVAILABLE', answer });
    expect(await statusOf(job)).toMatchObject({
      result: response,
      error: 'no detector answered',
      error_code: 'ALL_DETECTORS_UNAVAILABLE',
    });
  });

  it('has no result where none was stored', async () => {
    const job = jobOf({ status: 'failed', errorCode: 'INTERNAL_ERROR', answer: null });
    expect(await statusOf(job)).toMatchObject({ result: null, error: null, error_code: 'INTERNAL_ERROR' });
  });

  it('is for the tenant of the job, and for those who see all', async () => {
    world.jobs.set(jobId, completed);
    await expect(jobs.status(jobId, 'other')).rejects.toMatchObject({ status: 404, detail: 'job_not_found' });
    await expect(jobs.status('job-none', null)).rejects.toMatchObject({ status: 404 });
    expect(await jobs.status(jobId, null)).toMatchObject({ tenant_id: 'acme' });
  });
});

describe('the cancellation of a job', () => {
  it('ends one that runs', async () => {
    world.jobs.set(jobId, jobOf());
    expect(await jobs.cancel(jobId, 'acme')).toMatchObject({ status: 'cancelled', result: null });
  });

  it.each(['completed', 'failed', 'cancelled'] as const)(
    'is refused with 409 for a %s one',
    async (status) => {
      world.jobs.set(jobId, { ...completed, status });
      await expect(jobs.cancel(jobId, 'acme')).rejects.toMatchObject({
        status: 409,
        detail: 'job_not_cancellable',
      });
      expect(world.jobs.get(jobId)!.status).toBe(status);
    },
  );

  it('is refused with 404 for the job of another tenant', async () => {
    world.jobs.set(jobId, jobOf());
    await expect(jobs.cancel(jobId, 'other')).rejects.toMatchObject({ status: 404 });
    expect(world.jobs.get(jobId)!.status).toBe('running');
  });
});

describe('the re-run of a job', () => {
  const content = 'the original text';
  const originalPlan = planWith({ policy_version: '1.0' });
  const today: Planned = plannedWith({
    plan: planOf([detector('b'), detector('c'), detector('gone')], { policy_version: '2.0' }),
  });
  const asked = { principal: 'ann', endpoint: 'POST /orchestrate/jobs/:job_id/rerun' };
  const call = {
    correlationId: 'corr-2',
    traceparent: 'trace',
    asked,
    idempotencyKey: null,
    receivedAt,
  };

  beforeEach(() => {
    world.jobs.set(jobId, completed);
    world.recipes.set(requestId, recipeOf(originalPlan, requestOf({ content, priority: 'high' })));
    world.inputs.set('run', inputOf({ members: [memberOf({ request_id: otherId }), memberOf({ content })] }));
    world.planned = today;
  });

  it('is not begun for a tenant that is not active', async () => {
    suspended = true;
    await expect(rerun()).rejects.toThrow('tenant_inactive');
  });

  const rerun = (overrides: Partial<RerunRequest> = {}) =>
    jobs.rerun(jobId, 'acme', { detectors: 'all', policy: 'original', ...overrides } as RerunRequest, call);
  const started = () => world.started[0]!.input;

  it('is a new job about the same content under the plan it had', async () => {
    const answer = await rerun();
    expect(answer.status).toBe(202);
    expect(answer.requestId).not.toBe(requestId);
    expect(answer.jobId).toBe(`job-${answer.requestId}`);
    expect(started().plan).toEqual(originalPlan);
    expect(started().members).toEqual([
      expect.objectContaining({
        request_id: answer.requestId,
        content,
        mode: 'async',
        parent_job_id: jobId,
        correlation_id: 'corr-2',
        traceparent: 'trace',
        asked,
        prior_results: [],
      }),
    ]);
    expect(world.recorded).toMatchObject([{ parentJobId: jobId, status: 'pending' }]);
  });

  it("is made under today's plan when that is asked for", async () => {
    await rerun({ policy: 'current' });
    expect(started().plan).toEqual(today.plan);
  });

  it('of what failed takes over the successes of detectors that are still planned', async () => {
    await rerun({ detectors: 'failed' });
    expect(started().members[0]!.prior_results).toEqual([success('a', 'toxic')]);
  });

  it('of what failed takes over an alternate in its own name, and nothing out of a memory', async () => {
    const standIn = (strategy: 'alternate' | 'redirect' | 'cached', age_seconds: number | null) => ({
      stand_in: { strategy, for: ['b'], cause: 'outage' as const, error: 'circuit_open', age_seconds },
    });
    const rerunAfter = async (stand: ReturnType<typeof standIn>) => {
      const detector_results = [success('a', 'toxic', 0.9, stand), failure('b', 'circuit_open')];
      world.jobs.set(jobId, { ...completed, answer: answerWith(206, { ...response, detector_results }) });
      await rerun({ detectors: 'failed' });
      return world.started.at(-1)!.input.members[0]!.prior_results;
    };
    expect(await rerunAfter(standIn('alternate', null))).toEqual([success('a', 'toxic')]);
    expect(await rerunAfter(standIn('redirect', null))).toEqual([
      success('a', 'toxic', 0.9, standIn('redirect', null)),
    ]);
    expect(await rerunAfter(standIn('cached', 30))).toEqual([]);
    expect(await rerunAfter(standIn('alternate', 30))).toEqual([]);
  });

  it("of what failed under today's policy takes over what today's plan has", async () => {
    await rerun({ detectors: 'failed', policy: 'current' });
    expect(started().members[0]!.prior_results).toEqual([success('gone', 'toxic')]);
  });

  it('is judged by the allow-list of today, whatever was allowed before', async () => {
    const found = { ...finding('email', 0.9), fingerprint: 'known' };
    const revoked = { ...finding('phone', 0.8), fingerprint: 'unknown', suppressed_by: 'allow-1' };
    const kept = {
      ...success('a', 'clean', 0.6),
      findings: [found, revoked],
      unsuppressed: { output: 'phone', confidence: 0.8 },
    };
    world.jobs.set(jobId, {
      ...completed,
      answer: answerWith(206, { ...response, detector_results: [kept] }),
    });
    world.planned = { ...today, plan: { ...today.plan, allow_list: { revision: 2, until: 1 } } };
    world.recipes.set(
      requestId,
      recipeOf(
        { ...originalPlan, allow_list: { revision: 1, until: 1 } },
        requestOf({ content, priority: 'high' }),
      ),
    );
    await rerun({ detectors: 'failed' });
    expect(started().plan.allow_list).toEqual({ revision: 2, until: 1 });
    expect(started().members[0]!.prior_results).toMatchObject([
      { output: 'phone', confidence: 0.8, findings: [{ suppressed_by: 'allow-2' }, { label: 'phone' }] },
    ]);
    expect(started().members[0]!.prior_results[0]!.findings[1]).not.toHaveProperty('suppressed_by');
  });

  it('of what failed takes over the successes of a failed job too', async () => {
    world.jobs.set(jobId, jobOf({ status: 'failed', answer: answerWith(502, { message: 'm', response }) }));
    await rerun({ detectors: 'failed' });
    expect(started().members[0]!.prior_results).toEqual([success('a', 'toxic')]);
  });

  it('of what failed takes nothing over where nothing was reached', async () => {
    world.jobs.set(jobId, jobOf({ status: 'failed', answer: answerWith(500, { response: null }) }));
    await rerun({ detectors: 'failed' });
    expect(started().members[0]!.prior_results).toEqual([]);
  });

  it.each(['pending', 'running'] as const)('is refused with 409 while the job is %s', async (status) => {
    world.jobs.set(jobId, jobOf({ status }));
    await expect(rerun()).rejects.toMatchObject({ status: 409, detail: 'job_not_finished' });
  });

  it.each<[string, () => unknown]>([
    ['the key of the run is destroyed', () => world.inputs.set('run', new RunKeyDestroyedError('run'))],
    ['the run is gone', () => world.inputs.delete('run')],
    ['the run was for others', () => world.inputs.set('run', inputOf({ members: [] }))],
    ['the recipe is gone', () => world.recipes.clear()],
  ])('is refused with 409 when %s', async (_why, happens) => {
    happens();
    await expect(rerun()).rejects.toMatchObject({
      status: 409,
      detail: 'content_expired',
      fieldErrors: [{ path: 'content' }],
    });
    expect(world.started).toEqual([]);
  });

  it('takes the content sent again when it is no longer kept', async () => {
    world.inputs.set('run', new RunKeyDestroyedError('run'));
    await rerun({ content });
    expect(started().members[0]!.content).toBe(content);
  });

  it('is refused with 409 for another content', async () => {
    await expect(rerun({ content: `${content} ` })).rejects.toMatchObject({
      status: 409,
      detail: 'content_mismatch',
      fieldErrors: [{ path: 'content' }],
    });
    expect(world.started).toEqual([]);
  });

  describe('under an Idempotency-Key', () => {
    const keyed = (overrides: Partial<RerunRequest> = {}, idempotencyKey = 'a-key') =>
      jobs.rerun(jobId, 'acme', { detectors: 'all', policy: 'original', ...overrides } as RerunRequest, {
        ...call,
        idempotencyKey,
      });
    /** The first call's job, as it is by now. */
    const firstJob = (status: Job['status'], answer = world.recorded[0]!.answer) => {
      const { jobId: again, requestId: first } = world.recorded[0]!;
      world.answers.set(first, answer);
      world.jobs.set(again, jobOf({ jobId: again, requestId: first, status, answer, parentJobId: jobId }));
      return again;
    };

    it('is claimed for its job, and answered with it again [8.2]', async () => {
      const first = await keyed();
      expect(world.claims).toMatchObject([{ requestId: first.requestId, runId: first.jobId }]);
      expect(started().members[0]).toMatchObject({ idempotency_key: 'a-key' });
      firstJob('running');
      const again = await keyed();
      expect(again).toMatchObject({ status: 202, jobId: first.jobId, replayed: true });
      firstJob('completed', answerWith(200, { done: true }));
      expect(await keyed()).toMatchObject({ status: 200, jobId: null, replayed: true });
      expect([world.started.length, keys]).toEqual([1, ['acme new', 'acme replayed', 'acme replayed']]);
    });

    it.each<Partial<RerunRequest>>([{ detectors: 'failed' }, { policy: 'current' }, { content }])(
      'is a conflict with %j [8.2]',
      async (other) => {
        await keyed();
        await expect(keyed(other)).rejects.toMatchObject({ status: 409, detail: 'idempotency_conflict' });
        expect([world.started.length, keys]).toEqual([1, ['acme new', 'acme conflict']]);
      },
    );

    it('is begun anew when the first call has died before it could start it [8.2]', async () => {
      const first = await keyed();
      const again = firstJob('pending');
      world.claims[0] = { ...world.claims[0]!, leaseExpired: true };
      const second = await keyed();
      expect(second).toMatchObject({ status: 202 });
      expect(second.jobId).not.toBe(first.jobId);
      expect(world.events).toContain(`abandon ${again}`);
    });

    it('that is refused leaves the key free [8.2]', async () => {
      world.jobs.set(jobId, jobOf({ status: 'running' }));
      await expect(keyed()).rejects.toMatchObject({ detail: 'job_not_finished' });
      expect(world.claims).toEqual([]);
    });

    it('is meant by the id of its job, as long as it is a re-run of this one', async () => {
      const again = `job-${otherId}`;
      const named = jobOf({ jobId: again, parentJobId: jobId, answer: answerWith(202, {}) });
      world.jobs.set(again, named);
      expect(await keyed({}, again)).toMatchObject({ status: 202, jobId: again, replayed: true });
      for (const foreign of [{ parentJobId: null }, { tenantId: 'other' }, { answer: null }]) {
        world.jobs.set(again, { ...named, ...foreign });
        await expect(keyed({}, again)).rejects.toMatchObject({ status: 404, detail: 'job_not_found' });
      }
      expect(world.started).toEqual([]);
    });
  });

  it('passes other failures to read the content on', async () => {
    const trouble = new Error('no engine');
    world.inputs.set('run', trouble);
    await expect(rerun()).rejects.toBe(trouble);
  });
});
