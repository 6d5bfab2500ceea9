import { EventEmitter } from 'node:events';
import type { Message, Notifications } from '../../../src/store/notifications';
import type { Orchestrations, StoredAnswer } from '../../../src/store/orchestrations';
import { ResultHub } from '../../../src/store/result-hub';

const answer = (text: string): StoredAnswer => ({ status: 200, body: Buffer.from(text) });

/** A hub over a store in memory, and what reaches it from other processes. */
function hubOver(stored: Map<string, StoredAnswer>) {
  const notifications = new EventEmitter();
  const asked: string[][] = [];
  const orchestrations = {
    finalAnswers: (ids: readonly string[]) => {
      asked.push([...ids]);
      return Promise.resolve(new Map([...stored].filter(([id]) => ids.includes(id))));
    },
  };
  const hub = new ResultHub(orchestrations as Orchestrations, notifications as Notifications);
  return { hub, asked, hear: (message: Message) => notifications.emit('message', message), notifications };
}

describe('ResultHub', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const soon = () => Date.now() + 1000;
  const run = (id: string | null) => () => id;

  it('delivers what this process published, without asking the store', async () => {
    const { hub, asked } = hubOver(new Map());
    const waiting = hub.wait('r1', run('run'), soon());
    hub.deliver([{ requestId: 'r1', jobId: null, status: 'completed', answer: answer('mine') }]);
    expect(await waiting).toEqual(answer('mine'));
    expect(asked).toEqual([]);
  });

  it('gives all who wait for one request the same answer', async () => {
    const { hub } = hubOver(new Map());
    const waiting = [hub.wait('r1', run('run'), soon()), hub.wait('r1', run('run'), soon())];
    hub.deliver([{ requestId: 'r1', jobId: null, status: 'completed', answer: answer('ours') }]);
    expect(await Promise.all(waiting)).toEqual([answer('ours'), answer('ours')]);
  });

  it('reads what another process published as soon as it says so', async () => {
    const stored = new Map([['r1', answer('theirs')]]);
    const { hub, asked, hear } = hubOver(stored);
    const waiting = hub.wait('r1', run('run'), soon());
    void hub.wait('r2', run('another run'), soon());
    hear({ kind: 'published', run_id: 'run' });
    expect(await waiting).toEqual(answer('theirs'));
    expect(asked).toEqual([['r1']]);
  });

  it('looks again every 250 ms, so that a lost message costs no answer', async () => {
    const stored = new Map<string, StoredAnswer>();
    const { hub, asked } = hubOver(stored);
    const waiting = hub.wait('r1', run(null), soon());
    await jest.advanceTimersByTimeAsync(249);
    expect(asked).toEqual([]);
    stored.set('r1', answer('found'));
    await jest.advanceTimersByTimeAsync(1);
    expect(await waiting).toEqual(answer('found'));
  });

  it('looks again when the connection is back', async () => {
    const { hub, notifications } = hubOver(new Map([['r1', answer('missed')]]));
    const waiting = hub.wait('r1', run('run'), soon());
    notifications.emit('reconnected');
    expect(await waiting).toEqual(answer('missed'));
  });

  it('gives up at the deadline, and stops looking when nobody waits', async () => {
    const { hub, asked } = hubOver(new Map());
    const waiting = hub.wait('r1', run('run'), soon());
    await jest.advanceTimersByTimeAsync(1000);
    expect(await waiting).toBeNull();
    const looked = asked.length;
    await jest.advanceTimersByTimeAsync(5000);
    expect(asked).toHaveLength(looked);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('outlives a store that is away', async () => {
    const { hub } = hubOver(new Map());
    const failing = { finalAnswers: () => Promise.reject(new Error('away')) };
    const away = new ResultHub(failing as unknown as Orchestrations, new EventEmitter() as Notifications);
    const waiting = away.wait('r1', run('run'), soon());
    await jest.advanceTimersByTimeAsync(1000);
    expect(await waiting).toBeNull();
    expect(hub.isAggregated('run')).toBe(false);
  });

  it('remembers that a run it waits for is aggregated, until the run is forgotten', () => {
    const { hub, hear } = hubOver(new Map());
    void hub.wait('r1', run('run'), soon());
    hear({ kind: 'aggregated', run_id: 'run' });
    hear({ kind: 'aggregated', run_id: 'nobody waits for this one' });
    expect([hub.isAggregated('run'), hub.isAggregated('nobody waits for this one')]).toEqual([true, false]);
    hub.forgetRun('run');
    expect(hub.isAggregated('run')).toBe(false);
  });
});
