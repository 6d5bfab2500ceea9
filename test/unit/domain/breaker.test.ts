import fc from 'fast-check';
import {
  type AttemptOutcome,
  type Breaker,
  type BreakerSettings,
  admit,
  initialBreaker,
  recordBreaker,
  wouldAdmit,
} from '../../../src/domain/breaker';
import './support';

const settings: BreakerSettings = {
  circuit_breaker_failure_threshold: 5,
  circuit_breaker_recovery_timeout_seconds: 60,
  half_open_test_requests: 3,
};
const t0 = 1_700_000_000_000;

const record = (breaker: Breaker, outcomes: readonly AttemptOutcome[], now = t0) =>
  outcomes.reduce((state, outcome) => recordBreaker(state, outcome, now, settings), breaker);
const failures = (count: number) => Array<AttemptOutcome>(count).fill('failure');
const opened: Breaker = { state: 'open', opened_at: t0 };
const halfOpen = (trials: number, successes: number): Breaker => ({
  state: 'half_open',
  trials,
  successes,
  last_trial_at: t0,
});

describe('closed', () => {
  it('admits everything and is not changed by admitting', () => {
    expect(admit(initialBreaker, t0, settings)).toEqual({ admitted: true, state: initialBreaker });
  });

  it('stays closed on four failures and opens on the fifth', () => {
    const four = record(initialBreaker, failures(4));
    expect(four).toEqual({ state: 'closed', failures: 4 });
    expect(record(four, ['failure'], t0 + 7)).toEqual({ state: 'open', opened_at: t0 + 7 });
  });

  it('counts failures in a row: a success starts anew', () => {
    expect(record(initialBreaker, [...failures(4), 'success', ...failures(4)])).toEqual({
      state: 'closed',
      failures: 4,
    });
    expect(record(initialBreaker, ['success'])).toEqual(initialBreaker);
  });

  it('neither counts nor forgives on a neutral end', () => {
    expect(record(initialBreaker, [...failures(4), 'neutral'])).toEqual({ state: 'closed', failures: 4 });
  });
});

describe('open', () => {
  it('refuses for 60 s and not a millisecond longer', () => {
    expect(admit(opened, t0, settings)).toEqual({ admitted: false, state: opened });
    expect(admit(opened, t0 + 59_999, settings).admitted).toBe(false);
    expect(admit(opened, t0 + 60_000, settings)).toEqual({
      admitted: true,
      state: { state: 'half_open', trials: 1, successes: 0, last_trial_at: t0 + 60_000 },
    });
  });

  it.each(['success', 'failure', 'neutral'] as const)('ignores a late %s', (outcome) => {
    expect(record(opened, [outcome], t0 + 5000)).toBe(opened);
  });
});

describe('half open', () => {
  it('admits three trials in all', () => {
    const second = admit(halfOpen(1, 0), t0, settings);
    const third = admit(second.state, t0, settings);
    expect([second.admitted, third.admitted]).toEqual([true, true]);
    expect(third.state).toEqual(halfOpen(3, 0));
    expect(admit(third.state, t0, settings)).toEqual({ admitted: false, state: third.state });
  });

  it('does not give a slot again after a success', () => {
    expect(admit(halfOpen(3, 2), t0, settings).admitted).toBe(false);
  });

  it('closes on the third success', () => {
    const two = record(halfOpen(3, 0), ['success', 'success']);
    expect(two).toEqual(halfOpen(3, 2));
    expect(record(two, ['success'])).toEqual(initialBreaker);
  });

  it.each([
    [1, 0],
    [3, 2],
  ])('opens again for 60 s on one failure, after %i trials and %i successes', (trials, successes) => {
    const reopened = record(halfOpen(trials, successes), ['failure'], t0 + 9);
    expect(reopened).toEqual({ state: 'open', opened_at: t0 + 9 });
    expect(admit(reopened, t0 + 9 + 59_999, settings).admitted).toBe(false);
  });

  it('gives the slot of a neutral trial back', () => {
    expect(record(halfOpen(3, 1), ['neutral'])).toEqual(halfOpen(2, 1));
    expect(record(halfOpen(1, 1), ['neutral'])).toEqual(halfOpen(1, 1));
  });

  it('replaces trials that were never recorded after 60 s, keeping the successes', () => {
    expect(admit(halfOpen(3, 1), t0 + 59_999, settings).admitted).toBe(false);
    expect(admit(halfOpen(3, 1), t0 + 60_000, settings)).toEqual({
      admitted: true,
      state: { state: 'half_open', trials: 2, successes: 1, last_trial_at: t0 + 60_000 },
    });
  });
});

describe('any history', () => {
  const events = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('admit' as const), wait: fc.integer({ min: 0, max: 70_000 }) }),
      fc.record({
        kind: fc.constantFrom('success' as const, 'failure' as const, 'neutral' as const),
        wait: fc.integer({ min: 0, max: 10_000 }),
      }),
    ),
    { maxLength: 60 },
  );

  it('stays within its bounds, and can always be recovered from', () => {
    fc.assert(
      fc.property(events, (history) => {
        let breaker = initialBreaker;
        let now = t0;
        for (const { kind, wait } of history) {
          now += wait;
          const before = breaker;
          expect(wouldAdmit(before, now, settings)).toBe(admit(before, now, settings).admitted);
          breaker =
            kind === 'admit'
              ? admit(before, now, settings).state
              : recordBreaker(before, kind, now, settings);
          if (breaker.state === 'closed') expect(breaker.failures).toBeLessThan(5);
          if (breaker.state === 'half_open') {
            expect(breaker.successes).toBeLessThan(3);
            expect(breaker.trials).toBeLessThanOrEqual(3);
            expect(breaker.trials).toBeGreaterThanOrEqual(breaker.successes);
          }
          if (before.state === 'open' && breaker.state !== 'open') expect(breaker.state).toBe('half_open');
        }
        // A detector that answers well again is closed after a minute and three calls.
        now += 60_000;
        for (let call = 0; call < 3; call++) {
          const { admitted, state } = admit(breaker, now, settings);
          expect(admitted).toBe(true);
          breaker = recordBreaker(state, 'success', now, settings);
        }
        expect(breaker).toEqual(initialBreaker);
      }),
    );
  });
});
