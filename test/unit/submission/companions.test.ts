import { Companions } from '../../../src/submission/companions';
import { memberOf } from './support';

const now = 1_000_000;
beforeEach(() => jest.useFakeTimers({ now }));
afterEach(() => jest.useRealTimers());

const sync = (request_id: string) => memberOf({ request_id, received_at: now, convert_at: now + 1500 });
const job = (request_id: string) =>
  memberOf({ request_id, mode: 'async', received_at: now, convert_at: now });

describe('Items that may share a run', () => {
  it('leave when all are there', () => {
    const companions = new Companions(['a', 'b'], 0);
    const left: string[] = [];
    companions.arrive('a');
    companions.whenGathered(() => left.push('a'));
    expect([companions.gathered, left]).toEqual([false, []]);
    companions.arrive('b');
    expect([companions.gathered, left]).toEqual([true, ['a']]);
    companions.whenGathered(() => left.push('late'));
    expect(left).toEqual(['a', 'late']);
  });

  it('do not wait long for one that has something else to wait for', () => {
    const companions = new Companions(['a', 'b'], 0);
    const left: string[] = [];
    companions.arrive('a');
    companions.whenGathered(() => left.push('a'));
    jest.advanceTimersByTime(19);
    expect(left).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(left).toEqual(['a']);
    companions.arrive('b');
    expect(left).toEqual(['a']);
  });
});

describe('Items that must run alone', () => {
  const ids = Array.from({ length: 12 }, (_, index) => String(index));

  it('run ten at a time, in the order they came', async () => {
    const companions = new Companions(ids, 0);
    const running: string[] = [];
    const ends = ids.map(async (id) => {
      const end = await companions.turnOf(sync(id));
      running.push(id);
      return end;
    });
    await jest.advanceTimersByTimeAsync(0);
    expect(running).toEqual(ids.slice(0, 10));
    (await ends[3]!)();
    await jest.advanceTimersByTimeAsync(0);
    expect(running).toEqual(ids.slice(0, 11));
    (await ends[4]!)();
    (await ends[5]!)();
    await jest.advanceTimersByTimeAsync(0);
    expect(running).toEqual(ids);
    // Two places are free again by now: one was left that nobody took, and nobody is woken twice.
    (await ends[0]!)();
    expect(await companions.turnOf(sync('more'))).toEqual(expect.any(Function));
  });

  it('count as there while they wait, so that nobody waits for them', async () => {
    const companions = new Companions(['0', '1'], 0);
    await companions.turnOf(sync('0'));
    await companions.turnOf(sync('1'));
    expect(companions.gathered).toBe(true);
  });

  it('go without a turn when a third of the time to become a job is over', async () => {
    const companions = new Companions(ids, 2000);
    for (const id of ids.slice(0, 10)) await companions.turnOf(sync(id));
    let went = false;
    const waiting = companions.turnOf(sync('10')).then((end) => {
      went = true;
      return end;
    });
    await jest.advanceTimersByTimeAsync(499);
    expect(went).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(went).toBe(true);
    // What had no place leaves none: the next still waits.
    (await waiting)();
    const next = jest.fn();
    void companions.turnOf(job('11')).then(next);
    await jest.advanceTimersByTimeAsync(0);
    expect(next).not.toHaveBeenCalled();
  });

  it('are refused, as jobs that could not be started before the batch is answered', async () => {
    const companions = new Companions(ids, 2000);
    for (const id of ids.slice(0, 10)) await companions.turnOf(job(id));
    const refused = expect(companions.turnOf(job('10'))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      detail: 'overloaded',
      retryAfterSeconds: 1,
    });
    await jest.advanceTimersByTimeAsync(2000);
    await refused;
  });
});
