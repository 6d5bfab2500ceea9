import fc from 'fast-check';
import type { Breaker } from '../../../src/contract/breaker';
import { circuitBreakerSchema } from '../../../src/contract/upstream';
import {
  admits,
  type BreakerEvent,
  type BreakerSettings,
  type CallOutcome,
  detectorBreakerSettings,
  initialBreaker,
  isIdle,
  nextAttemptAt,
  stateAt,
} from '../../../src/domain/breaker';
import { breakerAfter, breakerAfterAll } from '../../../src/domain/breaker-machine';
import './support';

const t0 = 1_700_000_000_000;
const minute = 60_000;
const own = circuitBreakerSchema.parse({});
const detector = detectorBreakerSettings(
  {
    circuit_breaker_failure_threshold: 5,
    circuit_breaker_recovery_timeout_seconds: 60,
    half_open_test_requests: 3,
  },
  own,
);
const http = (changes: object = {}): BreakerSettings => ({
  ...circuitBreakerSchema.parse(changes),
  trials: 'at_once',
});

/** Lets calls end that were admitted in the breaker's present epoch. */
function record(
  breaker: Breaker,
  outcomes: readonly CallOutcome[],
  { at = t0, settings = detector }: { at?: number; settings?: BreakerSettings } = {},
): Breaker {
  return outcomes.reduce(
    (last, type) => breakerAfter(last, { type, at, epoch: last.epoch, count: 1 }, settings),
    breaker,
  );
}
const happens = (breaker: Breaker, event: BreakerEvent, settings = detector) =>
  breakerAfter(breaker, event, settings);
const times = (count: number, outcome: CallOutcome) => Array<CallOutcome>(count).fill(outcome);
const opened = record(initialBreaker, times(5, 'failure'));
const tried = (count: number, settings = detector, at = t0 + minute) => {
  let breaker = opened;
  for (let trial = 0; trial < count; trial++) breaker = happens(breaker, { type: 'trial', at }, settings);
  return breaker;
};

describe('closed, consecutive', () => {
  it('stays closed on four failures and opens on the fifth [B1]', () => {
    const four = record(initialBreaker, times(4, 'failure'));
    expect(four).toMatchObject({ state: 'closed', failures: 4, epoch: 0 });
    expect(record(four, ['failure'], { at: t0 + 7 })).toEqual({
      ...initialBreaker,
      state: 'open',
      epoch: 1,
      since: t0 + 7,
    });
  });

  it('counts failures in a row: a success starts anew, what is neutral does not', () => {
    const outcomes = [...times(4, 'failure'), 'success', ...times(4, 'failure'), 'neutral'] as const;
    expect(record(initialBreaker, outcomes)).toMatchObject({ state: 'closed', failures: 4 });
  });

  it('admits everything', () => {
    expect(admits(record(initialBreaker, times(4, 'failure')), t0, detector)).toBe(true);
  });
});

describe('closed, sliding', () => {
  const settings = http({ window_type: 'sliding', minimum_calls: 10, failure_rate_threshold: 0.3 });

  it('opens when of enough calls the share of failures is reached, in whatever order [B1]', () => {
    const nine = [...times(3, 'failure'), ...times(6, 'success')];
    const breaker = record(initialBreaker, nine, { settings });
    expect(breaker.state).toBe('closed');
    expect(record(breaker, ['success'], { settings, at: t0 + 5 })).toMatchObject({
      state: 'open',
      since: t0 + 5,
    });
    const lower = record(initialBreaker, [...times(2, 'failure'), ...times(6, 'success')], { settings });
    expect(record(lower, ['success', 'success'], { settings }).state).toBe('closed');
    expect(record(lower, ['success', 'failure'], { settings }).state).toBe('open');
  });

  it('forgets what has left the window', () => {
    const before = record(initialBreaker, times(9, 'failure'), { settings });
    const after = record(before, ['failure'], { settings, at: t0 + 64_000 });
    expect(after).toMatchObject({ state: 'closed', window: [{ successes: 0, failures: 1 }] });
    expect(record(before, ['failure'], { settings, at: t0 + 50_000 }).state).toBe('open');
  });

  it('does not open without a failure, even where none is tolerated', () => {
    const strict = http({ window_type: 'sliding', minimum_calls: 1, failure_rate_threshold: 0 });
    expect(record(initialBreaker, times(20, 'success'), { settings: strict }).state).toBe('closed');
    expect(record(initialBreaker, ['failure'], { settings: strict }).state).toBe('open');
  });

  it('keeps few figures of many calls', () => {
    let breaker = initialBreaker;
    for (let call = 0; call < 3000; call++)
      breaker = record(breaker, ['success'], { settings, at: t0 + call * 100 });
    expect(breaker.window.length).toBeLessThanOrEqual(21);
  });
});

describe('open', () => {
  it('refuses for 60 s and not a millisecond longer; then it reads as half open without a call [B3]', () => {
    expect([admits(opened, t0 + 59_999, detector), stateAt(opened, t0 + 59_999, detector)]).toEqual([
      false,
      'open',
    ]);
    expect([admits(opened, t0 + minute, detector), stateAt(opened, t0 + minute, detector)]).toEqual([
      true,
      'half_open',
    ]);
    expect(nextAttemptAt(opened, detector)).toBe(t0 + minute);
  });

  it.each(['success', 'failure', 'neutral'] as const)('ignores a %s of a call begun before', (type) => {
    expect(happens(opened, { type, at: t0 + 5, epoch: 0, count: 1 })).toBe(opened);
  });

  it('waits twice as long after each reopening, ten minutes at most, where recovery is exponential [B1]', () => {
    const settings = http({ recovery: 'exponential' });
    const waits: number[] = [];
    let breaker = record(initialBreaker, times(5, 'failure'), { settings });
    for (let reopening = 0; reopening < 6; reopening++) {
      const next = nextAttemptAt(breaker, settings)!;
      waits.push((next - breaker.since) / 1000);
      expect(admits(breaker, next - 1, settings)).toBe(false);
      breaker = happens(breaker, { type: 'trial', at: next }, settings);
      breaker = record(breaker, ['failure'], { settings, at: next });
    }
    expect(waits).toEqual([60, 120, 240, 480, 600, 600]);
    const next = nextAttemptAt(breaker, settings)!;
    breaker = happens(breaker, { type: 'trial', at: next }, settings);
    breaker = record(breaker, ['success', ...times(5, 'failure')], { settings, at: next });
    expect(nextAttemptAt(breaker, settings)).toBe(next + minute);
  });
});

describe('half open', () => {
  it('admits three trials of a detector in all, and closes on the third success [4.2]', () => {
    const three = tried(3);
    expect(three).toMatchObject({ state: 'half_open', trials: 3, since: t0 + minute });
    const after = (breaker: Breaker) => admits(breaker, t0 + minute, detector);
    expect([tried(1), tried(2), three].map(after)).toEqual([true, true, false]);
    const two = record(three, ['success', 'success'], { at: t0 + minute });
    expect([two.state, after(two)]).toEqual(['half_open', false]);
    expect(record(two, ['success'], { at: t0 + minute + 1 })).toEqual({
      ...initialBreaker,
      epoch: 3,
      since: t0 + minute + 1,
    });
  });

  it('admits three at a time of any other upstream, and closes on as many successes as are set [B1]', () => {
    const settings = http({ half_open_successes: 2 });
    const three = tried(3, settings);
    expect(admits(three, t0 + minute, settings)).toBe(false);
    const one = record(three, ['success'], { settings });
    expect([one.state, admits(one, t0 + minute, settings)]).toEqual(['half_open', true]);
    expect(record(one, ['success'], { settings }).state).toBe('closed');
  });

  it('opens again for 60 s on one failure', () => {
    const reopened = record(tried(3), ['success', 'failure'], { at: t0 + minute + 9 });
    expect(reopened).toMatchObject({ state: 'open', since: t0 + minute + 9, reopenings: 1 });
    expect(admits(reopened, t0 + minute + 9 + 59_999, detector)).toBe(false);
  });

  it('gives the place of a neutral trial back', () => {
    const breaker = record(tried(3), ['success', 'neutral']);
    expect(breaker).toMatchObject({ trials: 1, successes: 1 });
    expect(admits(breaker, t0 + minute, detector)).toBe(true);
  });

  it('ignores what ends of the time before', () => {
    const one = tried(1);
    expect(happens(one, { type: 'failure', at: t0 + minute, epoch: 0, count: 1 })).toBe(one);
  });

  it('replaces trials that never ended after 60 s, keeping the successes', () => {
    const breaker = record(tried(3), ['success']);
    expect(admits(breaker, t0 + 2 * minute - 1, detector)).toBe(false);
    expect(admits(breaker, t0 + 2 * minute, detector)).toBe(true);
    const again = happens(breaker, { type: 'trial', at: t0 + 2 * minute });
    expect(again).toMatchObject({ trials: 1, successes: 1 });
  });
});

describe('operators and health', () => {
  it('trips and resets in every state [13.2]', () => {
    for (const breaker of [initialBreaker, opened, tried(1)]) {
      expect(happens(breaker, { type: 'trip', at: t0 + 1 })).toMatchObject({
        state: 'open',
        since: t0 + 1,
        manual: true,
        epoch: breaker.epoch + 1,
      });
      expect(happens(breaker, { type: 'reset', at: t0 + 1 })).toMatchObject({ state: 'closed', failures: 0 });
    }
  });

  it('closes on recovery, unless that is off or an operator opened it [B8]', () => {
    const healthy = { type: 'healthy', at: t0 + 1 } as const;
    expect(happens(opened, healthy, http()).state).toBe('closed');
    expect(happens(tried(1, http()), healthy, http()).state).toBe('closed');
    expect(happens(opened, healthy, http({ reset_on_healthy: false }))).toBe(opened);
    const tripped = happens(initialBreaker, { type: 'trip', at: t0 }, http());
    expect(happens(tripped, healthy, http())).toBe(tripped);
    expect(stateAt(tripped, t0 + minute, http())).toBe('half_open');
  });

  it('opens on ill health only where that is wanted', () => {
    const unhealthy = { type: 'unhealthy', at: t0 } as const;
    expect(happens(initialBreaker, unhealthy, http())).toBe(initialBreaker);
    const wanted = http({ trip_on_unhealthy: true });
    expect(happens(initialBreaker, unhealthy, wanted)).toMatchObject({ state: 'open', manual: false });
  });
});

it('applies changed settings to the state there is [B5]', () => {
  const three = record(initialBreaker, times(3, 'failure'), { settings: http() });
  const strict = http({ failure_threshold: 4, reset_timeout: 5 });
  const open = record(three, ['failure'], { settings: strict });
  expect(open.state).toBe('open');
  expect([admits(open, t0 + 5000, strict), admits(open, t0 + 5000, http())]).toEqual([true, false]);
});

it('tells every transition, with its time and reason [B7] [13.2]', () => {
  const outcome = (type: CallOutcome, epoch: number, at: number, count = 1): BreakerEvent => ({
    type,
    epoch,
    at,
    count,
  });
  const { breaker, transitions } = breakerAfterAll(
    initialBreaker,
    [
      outcome('failure', 0, t0, 5),
      { type: 'trial', at: t0 + minute },
      outcome('failure', 2, t0 + minute),
      { type: 'trial', at: t0 + 2 * minute },
      outcome('success', 4, t0 + 2 * minute, 3),
      { type: 'trip', at: t0 + 3 * minute },
      { type: 'reset', at: t0 + 4 * minute },
    ],
    detector,
  );
  expect(breaker).toMatchObject({ state: 'closed', epoch: 7 });
  expect(transitions.map(({ from, to, reason }) => [from, to, reason])).toEqual([
    ['closed', 'open', 'failures'],
    ['open', 'half_open', 'recovery_time'],
    ['half_open', 'open', 'trial_failed'],
    ['open', 'half_open', 'recovery_time'],
    ['half_open', 'closed', 'trials_succeeded'],
    ['closed', 'open', 'trip'],
    ['open', 'closed', 'reset'],
  ]);
});

describe('any history', () => {
  const happenings = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('ask' as const), wait: fc.integer({ min: 0, max: 70_000 }) }),
      fc.record({
        kind: fc.constantFrom('success' as const, 'failure' as const, 'neutral' as const),
        wait: fc.integer({ min: 0, max: 10_000 }),
      }),
    ),
    { maxLength: 60 },
  );

  it.each([
    ['a detector', detector],
    ['another upstream', http({ half_open_successes: 3 })],
  ])('stays within its bounds, and %s can always recover', (_whose, settings) => {
    fc.assert(
      fc.property(happenings, (history) => {
        let breaker = initialBreaker;
        let now = t0;
        for (const { kind, wait } of history) {
          now += wait;
          const before = breaker;
          if (kind !== 'ask') {
            breaker = record(before, [kind], { at: now, settings });
            if (isIdle(before, kind, settings)) expect(breaker).toEqual(before);
          } else if (admits(before, now, settings) && before.state !== 'closed') {
            breaker = happens(before, { type: 'trial', at: now }, settings);
          }
          expect(breaker.trials).toBeLessThanOrEqual(3);
          expect(breaker.successes).toBeLessThan(3);
          if (breaker.state === 'closed') expect(breaker.failures).toBeLessThan(5);
          if (before.state === 'open' && breaker.state !== 'open') expect(breaker.state).toBe('half_open');
        }
        // What answers well again is closed after a minute and three calls.
        now += minute;
        for (let call = 0; call < 3; call++) {
          expect(admits(breaker, now, settings)).toBe(true);
          if (breaker.state !== 'closed') breaker = happens(breaker, { type: 'trial', at: now }, settings);
          breaker = record(breaker, ['success'], { at: now, settings });
        }
        expect(breaker).toMatchObject({ state: 'closed', failures: 0 });
      }),
    );
  });
});
