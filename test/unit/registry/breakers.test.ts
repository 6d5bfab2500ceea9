import { circuitBreakerSchema, type EndpointConfig, endpointSchema } from '../../../src/contract/upstream';
import { Breakers } from '../../../src/registry/breakers';
import { directoryWith } from './support';

const constants = {
  circuit_breaker_failure_threshold: 5,
  circuit_breaker_recovery_timeout_seconds: 60,
  half_open_test_requests: 3,
};
const endpoint = (url: string, changes: object = {}): EndpointConfig =>
  endpointSchema.parse({ url, circuit_breaker: changes });

describe('Breakers', () => {
  let now = 0;
  let directory: ReturnType<typeof directoryWith>;
  let breakers: Breakers;
  const fail = (times: number, id = 'a@1.0') => {
    const { epoch } = breakers.admit(id);
    for (let failure = 0; failure < times; failure++) breakers.record(id, 'failure', epoch);
  };
  const admitted = (id: string) => breakers.admit(id).admitted;

  beforeEach(() => {
    now = 1_000_000;
    directory = directoryWith({
      'a@1.0': endpointSchema.parse({ url: 'http://a', kind: 'detector' }),
      'a@1.1': endpointSchema.parse({ url: 'http://a', kind: 'detector' }),
      web: endpoint('http://web', { failure_threshold: 2, reset_timeout: 5 }),
    });
    breakers = new Breakers(directory, constants, () => now);
  });

  it('opens after five failures in a row, for that version of that detector alone [4.2]', () => {
    fail(4);
    expect(admitted('a@1.0')).toBe(true);
    fail(1);
    expect(breakers.admit('a@1.0')).toMatchObject({ admitted: false, state: 'open', retryAfterSeconds: 60 });
    expect(admitted('a@1.1')).toBe(true);
  });

  it('has the constants of detectors for them, and its own settings for every other kind [B5]', () => {
    fail(2, 'web');
    expect(breakers.admit('web')).toMatchObject({ admitted: false, retryAfterSeconds: 5 });
    directory.set('a@1.0', {
      ...endpointSchema.parse({ url: 'http://a', kind: 'detector' }),
      circuit_breaker: circuitBreakerSchema.parse({ failure_threshold: 1, recovery: 'exponential' }),
    });
    fail(4);
    expect(admitted('a@1.0')).toBe(true);
  });

  it('admits three trials after 60 s; three successes close it [4.2]', () => {
    fail(5);
    now += 59_999;
    expect(admitted('a@1.0')).toBe(false);
    now += 1;
    expect(breakers.stateOf('a@1.0')).toBe('half_open');
    const trials = [1, 2, 3, 4].map(() => breakers.admit('a@1.0'));
    expect(trials.map((trial) => trial.admitted)).toEqual([true, true, true, false]);
    for (const { epoch } of trials.slice(0, 3)) breakers.record('a@1.0', 'success', epoch);
    expect(breakers.stateOf('a@1.0')).toBe('closed');
  });

  it('holds the half-open limit and its counters under a thousand calls at once [B2]', () => {
    fail(5);
    now += 60_000;
    const trials = Array.from({ length: 1000 }, () => breakers.admit('a@1.0'));
    expect(trials.filter((trial) => trial.admitted)).toHaveLength(3);
    expect(breakers.describe('a@1.0')).toMatchObject({ halfOpenCalls: 3, counts: { prevented: 997 } });
  });

  it('opens again for 60 s when a trial fails, and ignores the others that end late [4.2]', () => {
    fail(5);
    now += 60_000;
    const [first, second] = [breakers.admit('a@1.0'), breakers.admit('a@1.0')];
    breakers.record('a@1.0', 'failure', first.epoch);
    now += 59_999;
    breakers.record('a@1.0', 'failure', second.epoch);
    expect(admitted('a@1.0')).toBe(false);
    now += 1;
    expect(admitted('a@1.0')).toBe(true);
  });

  it('applies changed settings at once, without losing what it knows [B5]', () => {
    fail(1, 'web');
    directory.set('web', endpoint('http://web', { failure_threshold: 3, reset_timeout: 5 }));
    fail(1, 'web');
    expect(breakers.stateOf('web')).toBe('closed');
    fail(1, 'web');
    expect(breakers.stateOf('web')).toBe('open');
    directory.set('web', endpoint('http://web', { reset_timeout: 120 }));
    now += 60_000;
    expect(breakers.admit('web')).toMatchObject({ admitted: false, retryAfterSeconds: 60 });
  });

  it('begins anew at another address, and ends with its upstream', () => {
    fail(2, 'web');
    directory.set('web', endpoint('http://elsewhere', { failure_threshold: 2 }));
    expect(breakers.stateOf('web')).toBe('closed');
    fail(2, 'web');
    directory.remove('web');
    expect([breakers.has('web'), breakers.describe('web'), admitted('web')]).toEqual([false, null, true]);
    directory.set('web', endpoint('http://elsewhere'));
    expect(breakers.stateOf('web')).toBe('closed');
  });

  it('counts what became of calls, and keeps the transitions [B7]', () => {
    breakers.record('web', 'success', breakers.admit('web').epoch);
    now += 5;
    fail(2, 'web');
    breakers.admit('web');
    breakers.fellBack('web', 'error_response');
    expect(breakers.describe('web')).toMatchObject({
      state: 'open',
      stateChangedAt: now,
      nextAttemptAt: now + 5000,
      counts: {
        successes: 1,
        failures: 2,
        prevented: 1,
        fallbacks: 1,
        last_success_at: now - 5,
        last_failure_at: now,
      },
      transitions: [{ from: 'closed', to: 'open', at: now, reason: 'failures' }],
    });
  });

  it('follows health as its upstream has it [B8]', () => {
    fail(2, 'web');
    breakers.healthChanged('web', 'healthy');
    expect(breakers.stateOf('web')).toBe('closed');
    directory.set('web', endpoint('http://web', { trip_on_unhealthy: true, reset_on_healthy: false }));
    breakers.healthChanged('web', 'unhealthy');
    breakers.healthChanged('web', 'healthy');
    expect(breakers.stateOf('web')).toBe('open');
  });

  it('takes far less than a millisecond of the processor for a decision [B9]', () => {
    directory.set('web', endpoint('http://web', { window_type: 'sliding', minimum_calls: 10_000 }));
    const calls = 2000;
    const before = process.cpuUsage();
    for (let call = 0; call < calls; call++) {
      const { epoch } = breakers.admit('web');
      breakers.record('web', call % 3 === 0 ? 'failure' : 'success', epoch);
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / calls).toBeLessThan(1000);
  });
});
