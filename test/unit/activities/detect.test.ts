import { EventEmitter } from 'node:events';
import { ApplicationFailure } from '@temporalio/common';
import { CheckpointKeeper } from '../../../src/activities/checkpoint-keeper';
import { createDetect } from '../../../src/activities/detect';
import type { Attempt } from '../../../src/activities/detector-attempts';
import { type AttemptResults, DetectorMemo } from '../../../src/activities/detector-memo';
import { RunControls } from '../../../src/activities/run-controls';
import type { Lateness } from '../../../src/activities/types';
import type { Member, PlannedDetector } from '../../../src/contract/plan';
import { DetectorCallError } from '../../../src/detectors/call-error';
import { planned, success } from '../domain/support';
import { memberOf, startOfRun } from '../workflows/samples';

const mockContext = {
  info: { attempt: 1, isLocal: true, scheduledTimestampMs: 1400, heartbeatDetails: undefined as unknown },
  abort: new AbortController(),
  heartbeats: 0,
  beats: [] as unknown[],
};
jest.mock('@temporalio/activity', () => ({
  ...jest.requireActual<object>('@temporalio/activity'),
  activityInfo: () => mockContext.info,
  cancellationSignal: () => mockContext.abort.signal,
  heartbeat: (details: unknown) => {
    mockContext.heartbeats++;
    mockContext.beats.push(details);
  },
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
    away?: string;
  };
  let notifications: EventEmitter;
  let duringCall: () => void;

  beforeEach(() => {
    jest.useFakeTimers({ now: startOfRun });
    mockContext.info = { attempt: 1, isLocal: true, scheduledTimestampMs: 1400, heartbeatDetails: undefined };
    mockContext.beats = [];
    mockContext.abort = new AbortController();
    mockContext.heartbeats = 0;
    memo = new DetectorMemo();
    made = [];
    answer = ({ members }) => Promise.resolve(resultsFor(...members.map(({ request_id }) => request_id)));
    store = { cancelled: [], refreshed: 0, running: [], saved: [], loaded: [] };
    duringCall = () => undefined;
    notifications = new EventEmitter();
  });
  afterEach(() => jest.useRealTimers());

  function detect(
    members: readonly Member[] = [memberOf('r1')],
    detector: PlannedDetector = planned('a'),
    resumed?: Lateness,
  ) {
    const reach = (what: string) => {
      if (store.away === what) throw new Error('the store is away');
    };
    const orchestrations = {
      async cancelledAmong() {
        reach('looked through');
        store.refreshed++;
        return new Set(store.cancelled);
      },
      markRunning: async (ids: string[]) => {
        reach('marked');
        store.running.push(...ids);
      },
    };
    const checkpoints = {
      save: async (due: { requestId: string }[]) => {
        reach('kept');
        store.saved.push(...due.map(({ requestId }) => requestId));
      },
      load: async () => {
        reach('restored');
        return store.loaded.map((id) => ({ requestId: id, result: success('a', `kept ${id}`) }));
      },
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
      controls: new RunControls(orchestrations as never, notifications as never),
      orchestrations,
      now: () => Date.now(),
      random: () => 0.5,
      pause: () => Promise.resolve(),
    } as never);
    const run = { run_id: 'run', facade_id: null };
    const plan = { tenant_id: 'acme', content_type: 'text', policy_bundle: 'default' } as const;
    return activity({ run, plan, detector, members, ...(resumed && { resumed }) });
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
    memo.issue('run', 'a', () => Promise.reject(new Error('it failed')));
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

  describe('leaves behind', () => {
    const overload = (retryable: boolean) =>
      new DetectorCallError('overloaded', 'answered 429', { retryable });
    const resumed = { attempts: 1, wait_ms: 0, since: 1400 };

    it('members whose answer lags, whose call is then taken over by the next ask', async () => {
      let finish: (results: AttemptResults) => void = () => undefined;
      answer = ({ answered }) => {
        answered(resultsFor('r1'));
        return new Promise((resolve) => (finish = resolve));
      };
      const first = detect(two);
      await jest.advanceTimersByTimeAsync(100);
      expect(await first).toEqual({
        results: { r1: success('a', 'r1') },
        cancelled: [],
        late: { r2: { attempts: 0, wait_ms: 0, since: 1400 } },
      });
      const second = detect([memberOf('r2')], planned('a'), { ...resumed, attempts: 0 });
      await jest.advanceTimersByTimeAsync(0);
      finish(resultsFor('r1', 'r2'));
      expect(outputs(await second)).toEqual({ r2: 'r2' });
      expect(asked()).toEqual([['r1', 'r2']]);
    });

    it('also when the others had their answers before the run asked', async () => {
      memo.issue('run', 'a', (_signal, answered) => {
        answered(resultsFor('r1'));
        return new Promise(() => undefined);
      });
      const output = detect(two);
      await jest.advanceTimersByTimeAsync(100);
      expect(await output).toMatchObject({
        results: { r1: { output: 'r1' } },
        late: { r2: { attempts: 0 } },
      });
    });

    it('those for whom another attempt is worth its time, when others have their answers', async () => {
      answer = ({ answered }) => {
        answered(resultsFor('r1'));
        return Promise.reject(overload(true));
      };
      expect(await detect(two)).toEqual({
        results: { r1: success('a', 'r1') },
        cancelled: [],
        late: { r2: { attempts: 1, wait_ms: 100, since: 1400 } },
      });
      expect([...store.saved]).toEqual([]);
    });

    it('and numbers, times and delays their next attempt as if it were of the same ask', async () => {
      const second = detect([memberOf('r2')], planned('a'), { ...resumed, wait_ms: 200 });
      await jest.advanceTimersByTimeAsync(199);
      expect(made).toEqual([]);
      await jest.advanceTimersByTimeAsync(1);
      await second;
      expect(made).toMatchObject([{ number: 2, startedAt: 1400 }]);
    });

    it('nobody for whom no attempt is left: they have the failure, the others their answers', async () => {
      answer = ({ answered }) => {
        answered(resultsFor('r1'));
        return Promise.reject(overload(false));
      };
      const { results, late } = await detect(two);
      expect(late).toBeUndefined();
      expect(results).toMatchObject({
        r1: { output: 'r1' },
        r2: { status: 'failed', error: 'overloaded: answered 429', metadata: { attempts: 1 } },
      });
    });

    it('nobody who was cancelled meanwhile, nor what a detector says of one who was', async () => {
      answer = ({ answered }) => {
        answered(resultsFor('r1', 'r2'));
        notifications.emit('message', { kind: 'cancelled', request_id: 'r1' });
        return Promise.reject(overload(true));
      };
      const async = two.map((member) => ({ ...member, mode: 'async' as const }));
      expect(await detect(async)).toMatchObject({ results: { r2: { output: 'r2' } }, cancelled: ['r1'] });
      expect(store.saved).toEqual(['r2']);
    });
  });

  describe('in a pool', () => {
    beforeEach(() => (mockContext.info.isLocal = false));

    it('tells with its heartbeats what it has heard', async () => {
      answer = ({ answered }) => {
        answered(resultsFor('r1'));
        jest.advanceTimersByTime(1000);
        return Promise.resolve(resultsFor('r1', 'r2'));
      };
      await detect(two);
      expect(mockContext.beats).toEqual([[['r1', success('a', 'r1')]]]);
    });

    it('tells no more than a heartbeat carries', async () => {
      const long = Array.from({ length: 300 }, (_, n) => [`m${n}`, success('a', 'x'.repeat(1024))] as const);
      answer = ({ answered }) => {
        answered(new Map(long));
        jest.advanceTimersByTime(1000);
        return Promise.resolve(new Map(long));
      };
      await detect(two);
      const [beat] = mockContext.beats as unknown[][];
      expect(beat!.length).toBeGreaterThan(100);
      expect(Buffer.byteLength(JSON.stringify(beat))).toBeLessThanOrEqual(257 * 1024);
    });

    it('goes on where an attempt of another worker ended', async () => {
      mockContext.info.attempt = 2;
      mockContext.info.heartbeatDetails = [['r1', success('a', 'of before')]];
      expect(outputs(await detect(two))).toEqual({ r1: 'of before', r2: 'r2' });
      expect(asked()).toEqual([['r2']]);
    });
  });

  it.each(['restored', 'looked through', 'marked'])(
    'asks its detector also when the store is away and jobs cannot be %s',
    async (what) => {
      store.away = what;
      const output = await detect([memberOf('r1', { mode: 'async' })]);
      expect(outputs(output)).toEqual({ r1: 'r1' });
    },
  );

  it('has its results also when they cannot be kept', async () => {
    store.away = 'kept';
    expect(outputs(await detect([memberOf('r1', { mode: 'async' })]))).toEqual({ r1: 'r1' });
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
