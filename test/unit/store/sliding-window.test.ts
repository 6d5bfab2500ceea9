import fc from 'fast-check';
import { SlidingWindow, windowMs } from '../../../src/store/sliding-window';

/** Counts what is allowed. @returns what was said */
function ask(window: SlidingWindow, at: number, requests = 1, limit = 3) {
  const standing = window.standing(requests, limit, at);
  if (standing.isAllowed) window.count(requests, at);
  return standing;
}

const steps = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 20_000 }), requests: fc.integer({ min: 1, max: 6 }) }),
  { maxLength: 200 },
);

describe('A sliding window', () => {
  it('never allows more than the limit in any 60 seconds, and refuses nobody who has waited as told', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 6, max: 40 }), (asked, limit) => {
        const window = new SlidingWindow();
        const allowed: { at: number; requests: number }[] = [];
        let now = 1_000_000;
        for (const { afterMs, requests } of asked) {
          now += afterMs;
          let standing = ask(window, now, requests, limit);
          if (!standing.isAllowed) {
            expect(standing.resetMs).toBeGreaterThan(0);
            expect(standing.resetMs).toBeLessThanOrEqual(windowMs);
            now += standing.resetMs;
            standing = ask(window, now, requests, limit);
          }
          expect(standing.isAllowed).toBe(true);
          allowed.push({ at: now, requests });
          const recent = allowed.filter(({ at }) => at > now - windowMs);
          expect(recent.reduce((sum, one) => sum + one.requests, 0)).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  it('does not begin anew with each minute', () => {
    const window = new SlidingWindow();
    for (let request = 0; request < 3; request++) expect(ask(window, 59_900).isAllowed).toBe(true);
    expect(ask(window, 60_100)).toEqual({ isAllowed: false, remaining: 0, resetMs: 59_800 });
    expect(ask(window, 119_899).isAllowed).toBe(false);
    expect(ask(window, 119_900).isAllowed).toBe(true);
  });

  it('does not count what it refuses', () => {
    const window = new SlidingWindow();
    ask(window, 0, 2);
    expect(ask(window, 10, 2)).toMatchObject({ isAllowed: false, remaining: 1 });
    expect(ask(window, 20, 1)).toMatchObject({ isAllowed: true, remaining: 0 });
  });

  it('remembers a bounded number of slices', () => {
    const window = new SlidingWindow();
    for (let at = 0; at < 600_000; at += 7) ask(window, at, 1, 1_000_000);
    expect(window.standing(1, 1_000_000, 600_000).remaining).toBeGreaterThan(1_000_000 - 10_000);
    expect(window.isEmptyAt(599_993)).toBe(false);
    expect(window.isEmptyAt(660_000)).toBe(true);
  });
});
