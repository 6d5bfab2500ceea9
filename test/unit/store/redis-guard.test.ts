import { stat } from 'node:fs/promises';
import { RedisAwayError, RedisGuard } from '../../../src/store/redis-guard';

const times = { patienceMs: 20, pauseMs: 1000 };
const never = () => new Promise<never>(() => undefined);
const broken = () => Promise.reject(new Error('connection lost'));
const fine = () => Promise.resolve('fine');

describe('The guard of Redis', () => {
  let pings: (() => Promise<string>)[];
  let guard: RedisGuard;
  beforeEach(() => {
    jest.useFakeTimers();
    pings = [];
    guard = new RedisGuard({ ping: () => (pings.shift() ?? never)() }, times);
  });
  afterEach(() => {
    guard.stop();
    jest.useRealTimers();
  });

  /** How a command ends, and after how many ms. */
  async function ask(command: () => Promise<string>): Promise<[string, number]> {
    const began = Date.now();
    const asked = guard.ask('response_cache', command).then(
      (reply) => reply,
      (error: Error) => error.name,
    );
    await jest.advanceTimersByTimeAsync(0);
    let ended: string | null = null;
    void asked.then((how) => (ended = how));
    while (ended === null) await jest.advanceTimersByTimeAsync(1);
    return [ended, Date.now() - began];
  }

  it('hands on what Redis says', async () => {
    expect((await ask(fine))[0]).toBe('fine');
  });

  it('waits no longer than its patience, and after two silences in a row not at all', async () => {
    for (let i = 0; i < 2; i++) {
      const [how, ms] = await ask(never);
      expect(how).toBe(RedisAwayError.name);
      expect(ms).toBeGreaterThanOrEqual(20);
      expect(ms).toBeLessThan(30);
    }
    const command = jest.fn(fine);
    const [how, ms] = await ask(command);
    expect([how, command.mock.calls.length]).toEqual([RedisAwayError.name, 0]);
    expect(ms).toBeLessThan(5);
  });

  it('forgives a failure that is followed by a reply', async () => {
    for (let i = 0; i < 5; i++) {
      expect((await ask(broken))[0]).toBe(RedisAwayError.name);
      expect((await ask(fine))[0]).toBe('fine');
    }
  });

  it('asks again once a ping was answered', async () => {
    await ask(broken);
    await ask(broken);
    pings = [broken, never, () => Promise.resolve('PONG')];
    await jest.advanceTimersByTimeAsync(1000);
    expect((await ask(fine))[0]).toBe(RedisAwayError.name);
    await jest.advanceTimersByTimeAsync(1000);
    expect((await ask(fine))[0]).toBe(RedisAwayError.name);
    await jest.advanceTimersByTimeAsync(1100);
    expect((await ask(fine))[0]).toBe('fine');
    expect(pings).toEqual([]);
  });

  it('takes a reply that came while the process was busy, however late it is read', async () => {
    jest.useRealTimers();
    const busy = new RedisGuard({ ping: never }, { patienceMs: 5, pauseMs: 1000 });
    // Done by another thread meanwhile.
    const reply = busy.ask('response_cache', () => stat(__filename).then(() => 'late'));
    const until = performance.now() + 30;
    while (performance.now() < until);
    await expect(reply).resolves.toBe('late');
  });
});
