import { paceOf } from '../../../bench/pace';

const windows = 24;

/** Plays a quick bench on a clock of its own: when it ends if it measures from `startMs` and windows cost `extraMs` more. */
function endOfQuick(startMs: number, extraMs: number): number {
  let now = startMs;
  const pace = paceOf(true, () => now);
  for (let left = pace.rounds * windows; left > 0; left -= 1)
    now += pace.warmupMs + pace.windowMs(left) + extraMs;
  return now;
}

describe('the quick pace', () => {
  it.each([
    { startMs: 3_000, extraMs: 50 },
    { startMs: 3_000, extraMs: 1_000 },
    { startMs: 12_000, extraMs: 600 },
    { startMs: 18_000, extraMs: 600 },
  ])('is done within 55 s when it measures from $startMs ms and windows cost $extraMs ms more', (run) => {
    expect(endOfQuick(run.startMs, run.extraMs)).toBeLessThanOrEqual(55_000);
  });

  it('uses the time of a fast start for longer windows', () => {
    const window = (startMs: number) => paceOf(true, () => startMs).windowMs(windows);
    expect(window(3_000)).toBeGreaterThan(window(20_000));
  });
});

describe('a quick bench on a busy machine', () => {
  it.each([
    { atMs: 50_000, isUp: false },
    { atMs: 52_000, isUp: true },
  ])('leaves out what is not measured by then, as at $atMs ms: $isUp', ({ atMs, isUp }) => {
    expect(paceOf(true, () => atMs).isTimeUp()).toBe(isUp);
    expect(paceOf(false, () => atMs).isTimeUp()).toBe(false);
  });
});

describe('the full pace', () => {
  it('is fixed, whatever the clock says', () => {
    const pace = paceOf(false, () => 1e9);
    expect(pace.windowMs(1)).toBe(pace.windowMs(windows));
  });
});
