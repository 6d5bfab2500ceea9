import { Following } from '../../../src/domain/following';

function followed() {
  const hints: (() => void)[] = [];
  const told: unknown[] = [];
  let reads = 0;
  let fault: Error | null = null;
  const following = new Following(
    async () => {
      reads += 1;
      if (fault) throw fault;
    },
    { onHint: (listener) => void hints.push(listener), failed: (error) => void told.push(error) },
  );
  return {
    following,
    hint: () => hints.forEach((listen) => listen()),
    told,
    reads: () => reads,
    breaks: (error: Error | null) => void (fault = error),
  };
}

describe('Following what others change', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('reads before it has started, and does not start without', async () => {
    const { following, reads, breaks } = followed();
    breaks(new Error('gone'));
    await expect(following.start()).rejects.toThrow('gone');
    await jest.advanceTimersByTimeAsync(10_000);
    expect(reads()).toBe(1);
  });

  it('reads at hints, and now and then without one, until it stops', async () => {
    const { following, hint, reads } = followed();
    await following.start();
    expect(reads()).toBe(1);
    hint();
    expect(reads()).toBe(2);
    await jest.advanceTimersByTimeAsync(400);
    expect(reads()).toBe(3);
    following.stop();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(reads()).toBe(3);
  });

  it('goes on after a look that failed, which it tells once', async () => {
    const { following, told, breaks, reads } = followed();
    await following.start();
    breaks(new Error('gone'));
    await jest.advanceTimersByTimeAsync(1200);
    expect(told).toEqual([new Error('gone')]);
    breaks(null);
    await jest.advanceTimersByTimeAsync(400);
    expect(reads()).toBe(5);
  });
});
