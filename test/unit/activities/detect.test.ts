import { EventEmitter } from 'node:events';
import { ApplicationFailure } from '@temporalio/common';
import { CheckpointKeeper } from '../../../src/activities/checkpoint-keeper';
import { createDetect } from '../../../src/activities/detect';
import type { Attempt } from '../../../src/activities/detector-attempts';
import { type AttemptResults, DetectorMemo } from '../../../src/activities/detector-memo';
import { RunControls } from '../../../src/activities/run-controls';
import type { Member, PlannedDetector } from '../../../src/contract/plan';
import { DetectorCallError } from '../../../src/detectors/call-error';
import { planned, success } from '../domain/support';
import { memberOf, startOfRun } from '../workflows/samples';

const mockContext = {
  info: { attempt: 1, isLocal: true, scheduledTimestampMs: 1400 },
  abort: new AbortController(),
  heartbeats: 0,
};
jest.mock('@temporalio/activity', () => ({
  ...jest.requireActual<object>('@temporalio/activity'),
  activityInfo: () => mockContext.info,
  cancellationSignal: () => mockContext.abort.signal,
  heartbeat: () => mockContext.heartbeats++,
}));

const resultsFor = (...ids: string[]) => new Map(ids.map((id) => [id, success('a', id)]));

describe('detect', () => {
  let memo: DetectorMemo;
  let made: Attempt[];
  let answer: (attempt: Attempt) => Promise<AttemptResults>;
  let store: {
    cancelled: string[];
    refreshed: number;
    running: string[];
    saved: string[];
    loaded: string[];
  };
  let duringCall: () => void;

  beforeEach(() => {
    jest.useFakeTimers({ now: startOfRun });
    mockContext.info = { attempt: 1, isLocal: true, scheduledTimestampMs: 1400 };
    mockContext.abort = new AbortController();
    mockContext.heartbeats = 0;
    memo = new DetectorMemo();
    made = [];
    answer = ({ members }) => Promise.resolve(resultsFor(...members.map(({ request_id }) => request_id)));
    store = { cancelled: [], refreshed: 0, running: [], saved: [], loaded: [] };
    duringCall = () => undefined;
  });
  afterEach(() => jest.useRealTimers());

  function detect(members: readonly Member[] = [memberOf('r1')], detector: PlannedDetector = planned('a')) {
    const orchestrations = {
      async cancelledAmong() {
        store.refreshed++;
        return new Set(store.cancelled);
      },
      markRunning: async (ids: string[]) => void store.running.push(...ids),
    };
    const checkpoints = {
      save: async (due: { requestId: string }[]) =>
        void store.saved.push(...due.map(({ requestId }) => requestId)),
      load: async () => store.loaded.map((id) => ({ requestId: id, result: success('a', `kept ${id}`) })),
    };
    const activity = createDetect({
      attempts: {
        make(attempt: Attempt) {
          made.push(attempt);
          duringCall();
          return answer(attempt);
        },
      },
      memo,
      keeper: new CheckpointKeeper(checkpoints as never, memo),
      controls: new RunControls(orchestrations as never, new EventEmitter() as never),
      orchestrations,
      now: () => Date.now(),
      random: () => 0.5,
      pause: () => Promise.resolve(),
    } as never);
    const run = { run_id: 'run', facade_id: null };
    return activity({ run, plan: { tenant_id: 'acme', content_type: 'text' }, detector, members });
  }
  const two = [memberOf('r1'), memberOf('r2')];
  const asked = () => made.map(({ members }) => members.map(({ request_id }) => request_id));
  const outputs = ({ results }: Awaited<ReturnType<typeof detect>>) =>
    Object.fromEntries(Object.entries(results).map(([id, { output }]) => [id, output]));

  it('asks for all its members in one attempt, and remembers what it hears', async () => {
    const output = await detect(two);
    expect(outputs(output)).toEqual({ r1: 'r1', r2: 'r2' });
    expect(output.cancelled).toEqual([]);
    expect(made).toMatchObject([{ number: 1, startedAt: 1400, signal: mockContext.abort.signal }]);
    expect([...memo.known('run', 'a').keys()]).toEqual(['r1', 'r2']);
  });

  it('buys nothing twice: what is in the memo is not asked again', async () => {
    memo.remember('run', 'a', [['r1', success('a', 'known')]]);
    expect(outputs(await detect(two))).toEqual({ r1: 'known', r2: 'r2' });
    await detect(two);
    expect(asked()).toEqual([['r2']]);
  });

  it('nor what an earlier life of the run has stored', async () => {
    store.loaded = ['r1'];
    expect(outputs(await detect(two))).toEqual({ r1: 'kept r1', r2: 'r2' });
    expect(asked()).toEqual([['r2']]);
  });

  it('takes over an attempt that was issued with the start', async () => {
    memo.issue('run', 'a', () => Promise.resolve(resultsFor('r1')));
    expect(outputs(await detect())).toEqual({ r1: 'r1' });
    expect(made).toEqual([]);
  });

  it('makes later attempts itself, timed from the one that was issued', async () => {
    memo.issue('run', 'a', () => Promise.resolve(resultsFor('r1')));
    mockContext.info.attempt = 2;
    await detect();
    expect(made).toMatchObject([{ number: 2, startedAt: startOfRun }]);
  });

  it('leaves out members that were cancelled, and says so', async () => {
    store.cancelled = ['r2'];
    const output = await detect(two);
    expect(asked()).toEqual([['r1']]);
    expect(Object.keys(output.results)).toEqual(['r1']);
    expect(output.cancelled).toEqual(['r2']);
  });

  it('makes no attempt when all were cancelled', async () => {
    store.cancelled = ['r1', 'r2'];
    expect(await detect(two)).toEqual({ results: {}, cancelled: ['r1', 'r2'] });
    expect(made).toEqual([]);
  });

  it('asks the store for cancellations save at the first attempt of a run that began here', async () => {
    memo.markBornHere('run');
    await detect();
    expect(store.refreshed).toBe(0);
    mockContext.info.attempt = 2;
    await detect();
    expect(store.refreshed).toBe(1);
  });

  it('marks jobs as running and checkpoints them; sync members neither yet', async () => {
    await detect([memberOf('r1', { mode: 'async' }), memberOf('r2')]);
    expect(store.running).toEqual(['r1']);
    expect(store.saved).toEqual(['r1']);
  });

  it.each([
    [true, 0],
    [false, 3],
  ])('beats while it runs unless it is local (%s: %i)', async (isLocal, beats) => {
    mockContext.info.isLocal = isLocal;
    duringCall = () => jest.advanceTimersByTime(3000);
    await detect([memberOf('r1', { mode: 'async' })]);
    // Not a beat more once it is over.
    jest.advanceTimersByTime(3000);
    expect(mockContext.heartbeats).toBe(beats);
  });

  describe('fails', () => {
    const failing = (error: Error) => (answer = () => Promise.reject(error));
    const overload = (retryable: boolean, retryAfterMs?: number) =>
      new DetectorCallError('overloaded', 'answered 429', {
        retryable,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    const failureOf = async (...input: Parameters<typeof detect>) => {
      const error: unknown = await detect(...input).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ApplicationFailure);
      return error as ApplicationFailure;
    };

    it.each([
      [1, 100],
      [2, 200],
    ])('to be tried again after attempt %i, in %i ms', async (attempt, nextRetryDelay) => {
      mockContext.info.attempt = attempt;
      failing(overload(true));
      expect(await failureOf()).toMatchObject({
        message: 'answered 429',
        type: 'overloaded',
        nonRetryable: false,
        nextRetryDelay,
        details: [{ message: 'answered 429', attempts: attempt, processing_time_ms: 100 }],
      });
    });

    it('to be tried again when the detector says', async () => {
      failing(overload(true, 650.4));
      expect(await failureOf()).toMatchObject({ nonRetryable: false, nextRetryDelay: 650 });
    });

    it('also when the attempt it took over failed', async () => {
      memo.issue('run', 'a', () => Promise.reject(overload(true)));
      expect(await failureOf()).toMatchObject({ type: 'overloaded', nonRetryable: false });
      expect(made).toEqual([]);
    });

    it('for good where another attempt is of no use', async () => {
      failing(overload(false));
      expect(await failureOf()).toMatchObject({ type: 'overloaded', nonRetryable: true });
    });

    it('for good after its last retry', async () => {
      mockContext.info.attempt = 2;
      failing(overload(true));
      expect(await failureOf([memberOf('r1')], planned('a', { max_retries: 1 }))).toMatchObject({
        nonRetryable: true,
        details: [{ attempts: 2 }],
      });
    });

    it('for good when the wait would outlast the first of its members', async () => {
      failing(overload(true, 400));
      const cut = (ms: number) => [memberOf('r1'), memberOf('r2', { cut_at: startOfRun + ms })];
      expect((await failureOf(cut(401))).nonRetryable).toBe(false);
      expect((await failureOf(cut(400))).nonRetryable).toBe(true);
    });

    it('for good, without a word of it, when the adapter breaks down', async () => {
      failing(new TypeError('cannot read the content'));
      const error = await failureOf();
      expect(error).toMatchObject({
        message: 'the adapter broke down',
        type: 'plugin_error',
        nonRetryable: true,
        details: [{ message: 'the adapter broke down', attempts: 1, processing_time_ms: 100 }],
      });
      expect(JSON.stringify(error)).not.toContain('cannot read');
    });

    it('as cancelled when the activity was, whatever the call says', async () => {
      const reason = new Error('activity cancelled');
      mockContext.abort.abort(reason);
      failing(overload(true));
      await expect(detect()).rejects.toBe(reason);
    });
  });
});
