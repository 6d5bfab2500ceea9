import { Breakers } from '../../../src/registry/breakers';

describe('Breakers', () => {
  let now = 0;
  let breakers: Breakers;
  const fail = (times: number) => {
    for (let failure = 0; failure < times; failure++) breakers.record('a', '1.0', 'failure');
  };
  beforeEach(() => {
    now = 1_000_000;
    breakers = new Breakers(
      {
        circuit_breaker_failure_threshold: 5,
        circuit_breaker_recovery_timeout_seconds: 60,
        half_open_test_requests: 3,
      },
      () => now,
    );
  });

  it('opens after five failures in a row, for that version of that detector alone [4.2]', () => {
    fail(4);
    expect(breakers.admit('a', '1.0')).toBe(true);
    fail(1);
    expect(breakers.admit('a', '1.0')).toBe(false);
    expect([breakers.admit('a', '1.1'), breakers.admit('b', '1.0')]).toEqual([true, true]);
  });

  it('counts only failures in a row', () => {
    fail(4);
    breakers.record('a', '1.0', 'success');
    fail(4);
    expect(breakers.of('a', '1.0').state).toBe('closed');
  });

  it('admits three trials after 60 s; three successes close it [4.2]', () => {
    fail(5);
    now += 59_999;
    expect(breakers.admit('a', '1.0')).toBe(false);
    now += 1;
    expect([1, 2, 3, 4].map(() => breakers.admit('a', '1.0'))).toEqual([true, true, true, false]);
    for (let trial = 0; trial < 3; trial++) breakers.record('a', '1.0', 'success');
    expect(breakers.of('a', '1.0')).toEqual({ state: 'closed', failures: 0 });
  });

  it('opens again for 60 s when a trial fails [4.2]', () => {
    fail(5);
    now += 60_000;
    breakers.admit('a', '1.0');
    breakers.record('a', '1.0', 'failure');
    now += 59_999;
    expect(breakers.admit('a', '1.0')).toBe(false);
    now += 1;
    expect(breakers.admit('a', '1.0')).toBe(true);
  });
});
