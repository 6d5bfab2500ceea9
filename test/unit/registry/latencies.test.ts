import { Latencies } from '../../../src/registry/latencies';

describe('Latencies', () => {
  const record = (latencies: Latencies, durations: readonly number[], version = '1.0') => {
    for (const ms of durations) latencies.record('a', version, ms);
  };
  const of = (count: number, ms: number) => Array.from({ length: count }, () => ms);

  it('goes by what was declared until it has seen ten successes, and by nothing without that', () => {
    const latencies = new Latencies();
    record(latencies, of(9, 700));
    expect(latencies.estimate('a', '1.0', 50)).toBe(50);
    expect(latencies.estimate('a', '1.0', null)).toBe(0);
    record(latencies, [700]);
    expect(latencies.estimate('a', '1.0', 50)).toBe(700);
  });

  it('forgets all but the last 100', () => {
    const latencies = new Latencies();
    record(latencies, [...of(100, 5000), ...of(100, 20)]);
    expect(latencies.estimate('a', '1.0', null)).toBe(20);
  });

  it('keeps versions and detectors apart', () => {
    const latencies = new Latencies();
    record(latencies, of(10, 700), '2.0');
    expect(latencies.estimate('a', '1.0', null)).toBe(0);
    expect(latencies.estimate('b', '2.0', null)).toBe(0);
  });
});
