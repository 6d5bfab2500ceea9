import { errorsByKind, percentile, summarize } from '../../../bench/statistics';

const sample = (latenciesMs: Record<string, number[]>, network = 0) => ({
  latenciesMs,
  network,
  windowMs: 500,
  sent: 10,
  answered: {},
});

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

  it.each([
    [50, 50],
    [95, 95],
    [99, 99],
    [100, 100],
  ])('is the nearest rank: p%i of 1..100 is %i', (percent, expected) => {
    expect(percentile(hundred, percent)).toBe(expected);
  });

  it('of one value is that value, of none is null', () => {
    expect(percentile([7], 1)).toBe(7);
    expect(percentile([], 50)).toBeNull();
  });
});

describe('summarize', () => {
  it('pools all rounds, sorting numbers as numbers', () => {
    const row = summarize('bare', 16, [sample({ '200': [100, 9] }), sample({ '200': [20, 30] })]);
    expect(row).toEqual({
      name: 'bare',
      concurrency: 16,
      p50_ms: 20,
      p95_ms: 100,
      p99_ms: 100,
      rps: 4,
      errors: 0,
    });
  });

  it('counts only answers in the throughput, and errors of every kind apart', () => {
    const samples = [sample({ '200': [10], '202': [5, 5] }), sample({ '200': [10], '202': [5] }, 4)];
    expect(summarize('conclave', 64, samples)).toMatchObject({ rps: 2, errors: 7 });
    expect(errorsByKind(samples)).toEqual({ '202': 3, network: 4 });
  });

  it('invents no latency where nothing was answered', () => {
    expect(summarize('conclave', 1, [sample({}, 3)])).toMatchObject({
      p50_ms: null,
      rps: 0,
      errors: 3,
    });
  });
});
