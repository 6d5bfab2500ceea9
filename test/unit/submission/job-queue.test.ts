import { setImmediate } from 'node:timers/promises';
import { JobQueue } from '../../../src/submission/job-queue';

let clock = 0;
let stored: Map<string, number>;
let looks = 0;
let fails = false;
beforeEach(() => {
  clock = 1_000_000;
  stored = new Map();
  looks = 0;
  fails = false;
});

const queueOf = (max_queued_jobs = 1000) =>
  new JobQueue({
    waiting: async () => {
      looks++;
      if (fails) throw new Error('the store is away');
      return stored;
    },
    settings: { max_queued_jobs, async_request_sla_ms: 30_000 },
    now: () => clock,
  });

/** Asks, so that it looks, and lets it see. */
async function look(queue: JobQueue): Promise<void> {
  clock += 1000;
  queue.hasRoom('a', 'normal', 'asked');
  await setImmediate();
}

describe('the queue of jobs', () => {
  it('counts what it let in until it has looked for itself', async () => {
    const queue = queueOf();
    queue.hasRoom('a', 'normal', 'asked');
    await setImmediate();
    queue.enter('a', 'asked');
    expect(queue.length).toBe(1);
    stored = new Map([['b', 7]]);
    await look(queue);
    expect(queue.length).toBe(7);
  });

  it('looks once a second at most, and only when somebody asks', async () => {
    const queue = queueOf();
    for (let n = 0; n < 5; n++) queue.hasRoom('a', 'normal', 'asked');
    await setImmediate();
    for (let n = 0; n < 5; n++) queue.hasRoom('a', 'normal', 'asked');
    expect(looks).toBe(1);
  });

  it('has room for conversions while they can begin within half of their time, for others within four fifths', async () => {
    const queue = queueOf();
    stored = new Map([['b', 500]]);
    await look(queue);
    expect(queue.hasRoom('a', 'high', 'converted')).toBe(false);
    expect(queue.hasRoom('a', 'high', 'asked')).toBe(true);
    stored = new Map([['b', 720]]);
    await look(queue);
    expect(queue.hasRoom('a', 'high', 'asked')).toBe(false);
  });

  it('learns from the jobs that end how fast it moves', async () => {
    const queue = queueOf();
    stored = new Map([['b', 100]]);
    await look(queue);
    for (let second = 0; second < 20; second++) {
      for (let job = 0; job < 5; job++) queue.finished();
      await look(queue);
    }
    expect(queue.perSecond).toBeCloseTo(5, 0);
    expect(queue.hasRoom('a', 'high', 'converted')).toBe(false);
  });

  it('does not take a lack of jobs for slowness', async () => {
    const queue = queueOf();
    for (let second = 0; second < 20; second++) await look(queue);
    expect(queue.perSecond).toBe(30);
  });

  it('makes few conversions at a time, whatever room there is', () => {
    const queue = queueOf();
    const left = [queue.enter('a', 'converted'), queue.enter('a', 'converted')];
    expect(queue.hasRoom('a', 'normal', 'converted')).toBe(false);
    expect(queue.hasRoom('a', 'normal', 'asked')).toBe(true);
    left[0]!();
    left[0]!();
    expect(queue.hasRoom('a', 'normal', 'converted')).toBe(true);
  });

  it('never holds more than its bound', async () => {
    const queue = queueOf(20);
    stored = new Map([['b', 20]]);
    await look(queue);
    expect(queue.hasRoom('a', 'critical', 'asked')).toBe(false);
  });

  it('goes by what it knew while the store is away, but not for long', async () => {
    const queue = queueOf(20);
    stored = new Map([['b', 20]]);
    await look(queue);
    fails = true;
    await look(queue);
    expect(queue.hasRoom('a', 'critical', 'asked')).toBe(false);
    clock += 10_000;
    expect(queue.hasRoom('a', 'critical', 'asked')).toBe(true);
  });

  it('tells when all who stood before it could have begun', async () => {
    const queue = queueOf();
    stored = new Map([['b', 240]]);
    await look(queue);
    expect(queue.retryAfterSeconds()).toBe(8);
  });
});
