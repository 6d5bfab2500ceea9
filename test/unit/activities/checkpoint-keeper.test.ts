import { CheckpointKeeper } from '../../../src/activities/checkpoint-keeper';
import { DetectorMemo } from '../../../src/activities/detector-memo';
import type { Checkpoint } from '../../../src/store/checkpoints';
import { success } from '../domain/support';

const run = { run_id: 'run', facade_id: null };
const results = new Map(['r1', 'r2', 'r3'].map((id) => [id, success('a', id)]));
const sync = (request_id: string, convert_at = 2500) => ({ request_id, convert_at, mode: 'sync' }) as const;
const job = (request_id: string) => ({ request_id, convert_at: 1000, mode: 'async' }) as const;

describe('CheckpointKeeper', () => {
  let saved: string[][];
  let stored: Pick<Checkpoint, 'requestId' | 'result'>[];
  let loads: number;
  let down: boolean;
  let memo: DetectorMemo;
  let keeper: CheckpointKeeper;

  beforeEach(() => {
    jest.useFakeTimers({ now: 1500 });
    [saved, stored, loads, down] = [[], [], 0, false];
    memo = new DetectorMemo();
    const store = {
      save(checkpoints: readonly Checkpoint[]) {
        if (checkpoints.length === 0) return Promise.resolve();
        saved.push(checkpoints.map(({ requestId }) => requestId));
        return down ? Promise.reject(new Error('no store')) : Promise.resolve();
      },
      load() {
        loads++;
        return down ? Promise.reject(new Error('no store')) : Promise.resolve(stored);
      },
    };
    keeper = new CheckpointKeeper(store as never, memo);
  });
  afterEach(() => jest.useRealTimers());

  const keep = (...members: Parameters<CheckpointKeeper['keep']>[2]) =>
    keeper.keep(run, 'acme', members, results);

  it('saves results of jobs at once, and none that there is not', async () => {
    await keep(job('r1'), job('unanswered'));
    expect(saved).toEqual([['r1']]);
  });

  it('saves those of sync members together, shortly before they may become jobs', async () => {
    await keep(sync('r1'));
    await keep(sync('r2'));
    await jest.advanceTimersByTimeAsync(949);
    expect(saved).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(saved).toEqual([['r1', 'r2']]);
    // From there on each as it comes.
    await keep(sync('r3'));
    expect(saved).toEqual([['r1', 'r2'], ['r3']]);
  });

  it('saves nothing of a run that was published in time', async () => {
    await keep(sync('r1'));
    keeper.forget('run', ['a']);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(saved).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('fails a job’s call when the store is lost, but not a sync member’s', async () => {
    down = true;
    await expect(keep(job('r1'))).rejects.toThrow('no store');
    await expect(keep(sync('r2'))).resolves.toBeUndefined();
    await jest.advanceTimersByTimeAsync(1000);
    expect(saved).toEqual([['r1'], ['r2']]);
  });

  it('restores an earlier life of a run into the memo, once', async () => {
    stored = [{ requestId: 'r1', result: success('a', 'toxic') }];
    await Promise.all([keeper.restore(run, 'acme'), keeper.restore(run, 'acme')]);
    await keeper.restore(run, 'acme');
    expect(memo.known('run', 'a').get('r1')?.output).toBe('toxic');
    expect(loads).toBe(1);
    keeper.forget('run', ['a']);
    await keeper.restore(run, 'acme');
    expect(loads).toBe(2);
  });

  it('has nothing to restore of a run that began here', async () => {
    memo.markBornHere('run');
    await keeper.restore(run, 'acme');
    expect(loads).toBe(0);
  });

  it('tries again to restore what it could not read', async () => {
    down = true;
    await expect(keeper.restore(run, 'acme')).rejects.toThrow('no store');
    down = false;
    await expect(keeper.restore(run, 'acme')).resolves.toBeUndefined();
    expect(loads).toBe(2);
  });
});
