import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import type { DetectFailure, DetectCall } from '../../../src/activities/types';
import type { Plan, PlannedDetector } from '../../../src/contract/plan';
import { askDetector } from '../../../src/workflows/detector-stage';
import { planned, planOf } from '../domain/support';
import { temporal } from './fake-temporal';
import { memberOf, startOfRun } from './samples';

jest.mock(
  '@temporalio/workflow',
  () => jest.requireActual<{ workflowModule: object }>('./fake-temporal').workflowModule,
);

const run = { run_id: 'run', facade_id: 'facade' };
const members = [memberOf('r1'), memberOf('r2', { cut_at: startOfRun + 9000 })];

beforeEach(() => {
  temporal.reset();
  jest.spyOn(Date, 'now').mockReturnValue(startOfRun);
});
afterEach(() => jest.restoreAllMocks());

function ask(detector: PlannedDetector = planned('a'), overrides: Partial<Plan> = {}, of = members) {
  return askDetector(run, planOf([detector], overrides), detector, of);
}

async function resultOf(error: Error) {
  temporal.scripts['detect.a'] = () => Promise.reject(error);
  const { results, cancelled } = await ask();
  expect(cancelled).toEqual([]);
  // The call failed as a whole, so each member has the same result.
  expect(results['r2']).toEqual(results['r1']);
  return results['r1'];
}

const inActivity = (cause: Error) =>
  new ActivityFailure('activity failed', 'detect.a', '1', RetryState.NON_RETRYABLE_FAILURE, 'worker', cause);
const failed = (type: string, ...details: DetectFailure[]) =>
  inActivity(ApplicationFailure.nonRetryable('it failed', type, ...details));

describe('askDetector', () => {
  it('refers to members and detector instead of sending them along, and returns what is answered', async () => {
    const { results, cancelled } = await ask();
    const [input] = temporal.inputsOf<DetectCall>('detect.a');
    expect(input).toEqual({ run, detector: 'a', request_ids: ['r1', 'r2'] });
    expect(Object.keys(results)).toEqual(['r1', 'r2']);
    expect(results['r1']).toMatchObject({ detector: 'a', status: 'success' });
    expect(cancelled).toEqual([]);
  });

  it('runs on the fast lane as a local activity, until the first member is cut', async () => {
    await ask(planned('a', { timeout_ms: 700, max_retries: 1, pool: 'gpu' }));
    expect(temporal.calls[0]).toMatchObject({
      lane: 'local',
      options: {
        scheduleToCloseTimeout: 11_000,
        cancellationType: 'TRY_CANCEL',
        retry: { maximumAttempts: 4 },
      },
    });
    expect(temporal.calls[0]?.options).not.toHaveProperty('taskQueue');
    // Its timer would outlive the attempt and end a later one.
    expect(temporal.calls[0]?.options).not.toHaveProperty('startToCloseTimeout');
  });

  it('runs in a pool on its queue, with priority and fairness', async () => {
    await ask(planned('a', { pool: 'gpu' }), { lane: 'pool', priority: 'high' });
    expect(temporal.calls[0]).toMatchObject({
      lane: 'remote',
      options: {
        taskQueue: 'pool-gpu',
        startToCloseTimeout: 7000,
        scheduleToStartTimeout: 9000,
        heartbeatTimeout: 5000,
        priority: { priorityKey: 2, fairnessKey: 'acme' },
      },
    });
  });

  it('gives an attempt in a pool the time of the standby, too', async () => {
    const fallback = { strategy: 'redirect' as const, endpoint: 'http://127.0.0.1/standby' };
    await ask(planned('a', { timeout_ms: 700, fallback }), { lane: 'pool' });
    expect(temporal.calls[0]?.options).toMatchObject({ startToCloseTimeout: 3400 });
  });

  it('stays on the queue of the run where the detector has no pool', async () => {
    await ask(planned('a'), { lane: 'pool' });
    expect(temporal.calls[0]?.lane).toBe('remote');
    expect(temporal.calls[0]?.options).not.toHaveProperty('taskQueue');
  });

  it('gives a late call no negative time', async () => {
    await ask(planned('a'), { lane: 'pool' }, [memberOf('r1', { cut_at: startOfRun - 5000 })]);
    expect(temporal.calls[0]?.options).toMatchObject({
      scheduleToCloseTimeout: 2000,
      scheduleToStartTimeout: 1,
    });
  });
});

describe('A failure of the activity is a result of each member', () => {
  it('with the token, the attempts and the time that the activity reports', async () => {
    const details = { message: 'answered 503', attempts: 3, processing_time_ms: 450 };
    expect(await resultOf(failed('http_5xx', details))).toMatchObject({
      detector: 'a',
      status: 'failed',
      output: null,
      error: 'http_5xx: answered 503',
      metadata: { attempts: 3 },
      processing_time_ms: 450,
    });
  });

  it('as a timeout where the attempt timed out', async () => {
    const details = { message: 'no answer', attempts: 1, processing_time_ms: 700 };
    expect(await resultOf(failed('attempt_timeout', details))).toMatchObject({
      status: 'timeout',
      error: 'attempt_timeout: no answer',
    });
  });

  it('cut to 256 characters', async () => {
    const details = { message: 'x'.repeat(400), attempts: 1, processing_time_ms: 1 };
    expect((await resultOf(failed('http_4xx', details)))?.error).toBe(`http_4xx: ${'x'.repeat(246)}`);
  });

  it.each([
    ['no details', failed('overloaded'), 'failed', 'overloaded'],
    ['a type that is no failure of a call', failed('unhealthy'), 'failed', 'plugin_error'],
    ['an unknown type', failed('surprise'), 'failed', 'plugin_error'],
    ['no activity failure around it', ApplicationFailure.nonRetryable('x', 'http_4xx'), 'failed', 'http_4xx'],
    ['any other error', new Error('broke down'), 'failed', 'plugin_error'],
    [
      'a lost worker',
      inActivity(new TimeoutFailure('late', undefined, TimeoutType.SCHEDULE_TO_CLOSE)),
      'timeout',
      'request_deadline',
    ],
    ['a cancellation', new CancelledFailure('cancelled'), 'skipped', 'cancelled'],
    ['a cancelled activity', inActivity(new CancelledFailure('cancelled')), 'skipped', 'cancelled'],
  ])('with %s', async (_name, error, status, token) => {
    expect(await resultOf(error)).toMatchObject({ status, error: token, metadata: null });
  });
});
