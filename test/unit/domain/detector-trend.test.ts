import { latencySteps } from '../../../src/contract/detector-use';
import { figuresOf, trendOf } from '../../../src/domain/detector-trend';

/** As many calls, some of them timed, at 50 ms each. */
const use = (calls: number, timed: number, failures = 0) => ({
  calls,
  failures,
  total_ms: timed * 50,
  latencies: [...latencySteps.map((step) => (step === 50 ? timed : 0)), 0],
});

describe('The figures of a detector', () => {
  it('are of the calls that were timed, where some were not', () => {
    expect(figuresOf(use(40, 10, 30))).toEqual({
      calls: 40,
      errors: 30,
      error_rate: 0.75,
      average_ms: 50,
      p95_ms: 50,
    });
  });

  it('have no times where no call was timed, and their trend none of latency', () => {
    const hour = figuresOf(use(20, 0, 20));
    expect(hour).toMatchObject({ calls: 20, error_rate: 1, average_ms: null, p95_ms: null });
    expect(trendOf(hour, figuresOf(use(400, 380, 20)), 24)).toMatchObject({
      latency: 'unknown',
      errors: 'degrading',
    });
  });
});
