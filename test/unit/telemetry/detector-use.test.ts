import type { OrchestrationEnd, OrchestrationFacts } from '../../../src/contract/orchestration-end';
import { DetectorUses } from '../../../src/telemetry/detector-use';

type Result = OrchestrationFacts['results'][number];

const result = (overrides: Partial<Result> = {}): Result => ({
  detector: 'a',
  status: 'success',
  processing_time_ms: 40,
  metadata: null,
  ...overrides,
});
const standIn = (
  strategy: NonNullable<Result['stand_in']>['strategy'],
  age_seconds: number | null = null,
) => ({
  stand_in: { strategy, for: ['a'], cause: 'outage' as const, error: 'circuit_open', age_seconds },
});

const factsOf = (...results: Result[]) => ({ results }) as unknown as OrchestrationEnd['facts'];

function useOf(...results: Result[]) {
  const uses = new DetectorUses(
    () => null,
    () => 0,
  );
  uses.ended({ tenantId: 'acme', facts: factsOf(...results) });
  const [use] = uses.take();
  return use && { ...use, timed: use.latencies.reduce((sum, count) => sum + count, 0) };
}

describe('The uses of a detector', () => {
  it('are its calls, with those that failed and their times', () => {
    expect(useOf(result(), result({ status: 'timeout', processing_time_ms: 700 }))).toMatchObject({
      calls: 2,
      failures: 1,
      total_ms: 740,
      timed: 2,
    });
    expect(useOf(result({ status: 'skipped' }))).toBeUndefined();
  });

  it('are those of its owner: a tenant’s own detector is not the shared one of its name', () => {
    const uses = new DetectorUses(
      (tenantId) => (tenantId === 'acme' ? 'acme' : null),
      () => 0,
    );
    for (const tenantId of ['acme', 'other', 'third']) uses.ended({ tenantId, facts: factsOf(result()) });
    const taken = uses.take();
    expect(taken.map(({ owner, detector, calls }) => [owner, detector, calls])).toEqual([
      ['acme', 'a', 1],
      [null, 'a', 2],
    ]);
    uses.giveBack(taken);
    uses.ended({ tenantId: 'acme', facts: factsOf(result()) });
    expect(uses.take().map(({ owner, calls }) => [owner, calls])).toEqual([
      ['acme', 2],
      [null, 2],
    ]);
  });

  it.each<[string, Partial<Result>]>([
    ['a default', standIn('default')],
    ['a memory', standIn('cached', 30)],
    ['the memory of an alternate', standIn('alternate', 30)],
    ['nothing, since it was known to be down', { status: 'unavailable' as const }],
  ])('are failures without a time where there was %s in its place', (_what, overrides) => {
    expect(useOf(result({ processing_time_ms: 0, ...overrides }))).toMatchObject({
      calls: 1,
      failures: 1,
      total_ms: 0,
      timed: 0,
    });
  });

  it.each(['alternate', 'redirect'] as const)('count what was judged as %s', (strategy) => {
    expect(useOf(result(standIn(strategy)))).toMatchObject({ calls: 1, failures: 0, total_ms: 40, timed: 1 });
  });
});
