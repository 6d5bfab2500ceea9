import { EventEmitter } from 'node:events';
import type { BulkJob, BulkJobs } from '../../../src/store/bulk-jobs';
import type { Notifications } from '../../../src/store/notifications';
import { BulkWatch } from '../../../src/submission/bulk-watch';

describe('Who watches a bulk job', () => {
  const notifications = new EventEmitter();
  let completed = 0;
  let ended = false;
  let reads = 0;
  const watch = new BulkWatch(
    {
      job: async () => {
        reads += 1;
        return {
          status: 'running',
          outcomes: { completed },
          completedAt: ended ? new Date(0) : null,
        } as BulkJob;
      },
    } satisfies Partial<BulkJobs> as unknown as BulkJobs,
    notifications as unknown as Notifications,
  );
  beforeEach(() => {
    [completed, ended, reads] = [0, false, 0];
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  });
  afterEach(() => jest.useRealTimers());

  function follow(signal = new AbortController().signal) {
    const seen: number[] = [];
    const done = (async () => {
      for await (const { outcomes } of watch.changes({ bulkId: 'bulk', tenantId: 'acme' }, signal))
        seen.push(outcomes.completed);
    })();
    return { seen, done };
  }
  const say = (bulk_id: string) => notifications.emit('message', { kind: 'bulk', bulk_id });

  it('hears of each change, of the end, and then no more', async () => {
    const { seen, done } = follow();
    await jest.advanceTimersByTimeAsync(300);
    completed = 5;
    say('another');
    await jest.advanceTimersByTimeAsync(300);
    expect(seen).toEqual([0]);
    say('bulk');
    await jest.advanceTimersByTimeAsync(0);
    expect(seen).toEqual([0, 5]);
    [completed, ended] = [9, true];
    say('bulk');
    await jest.advanceTimersByTimeAsync(300);
    await done;
    expect(seen).toEqual([0, 5, 9]);
    expect(notifications.listenerCount('message')).toBe(0);
  });

  it('hears of changes that come fast together, and of none that is none', async () => {
    const { seen, done } = follow();
    for (completed = 1; completed < 9; completed++) {
      say('bulk');
      await jest.advanceTimersByTimeAsync(25);
    }
    await jest.advanceTimersByTimeAsync(300);
    say('bulk');
    await jest.advanceTimersByTimeAsync(300);
    expect(seen).toEqual([0, 9]);
    expect(reads).toBe(3);
    ended = true;
    notifications.emit('reconnected');
    await jest.advanceTimersByTimeAsync(300);
    await done;
  });

  it('looks by itself after a while, and stops when it is told to', async () => {
    const stop = new AbortController();
    const { seen, done } = follow(stop.signal);
    await jest.advanceTimersByTimeAsync(300);
    completed = 7;
    await jest.advanceTimersByTimeAsync(5000);
    expect(seen).toEqual([0, 7]);
    stop.abort();
    await done;
    expect(notifications.listenerCount('reconnected')).toBe(0);
  });
});
