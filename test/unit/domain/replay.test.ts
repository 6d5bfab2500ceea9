import fc from 'fast-check';
import type { DetectorResult } from '../../../src/contract/detector-result';
import { type EndedRun, replayed } from '../../../src/domain/replay';
import { inPlanOrder } from '../../../src/domain/results';
import { failure, planned, planOf, runs, shuffledRuns, success } from './support';

function ended(results: readonly DetectorResult[], overrides: Partial<EndedRun> = {}): EndedRun {
  return { results, contentLength: 100, unavailable: [], deadlineCut: false, ...overrides };
}

function summary({ results, unknown }: ReturnType<typeof replayed>) {
  return {
    results: results.map(({ detector, output, error }) => [detector, output ?? error]),
    unknown,
  };
}

const a = success('a', 'clean', 0.6);
const toxic = success('b', 'toxic', 0.9);
const down = failure('a', 'network_error', 5, 'outage');

describe('replaying the results of a run', () => {
  it('gives those of the detectors that the plan asks, and of no others', () => {
    const plan = planOf([planned('b')]);
    expect(summary(replayed(plan, ended([a, toxic])))).toEqual({ results: [['b', 'toxic']], unknown: [] });
  });

  it('never takes a detector that did not look for one that found nothing', () => {
    const plan = planOf([planned('a'), planned('b'), planned('new')]);
    expect(summary(replayed(plan, ended([a, toxic])))).toEqual({
      results: [
        ['a', 'clean'],
        ['b', 'toxic'],
      ],
      unknown: ['new'],
    });
  });

  it.each(['cancelled', 'dependency_failed', 'excluded_by_request', 'unsupported_content_type'] as const)(
    'does not know of one that was skipped: %s',
    (reason) => {
      const plan = planOf([planned('a'), planned('b')]);
      expect(summary(replayed(plan, ended([a, failure('b', reason)]))).unknown).toEqual(['b']);
    },
  );

  it('asks secondaries only where primaries fell short', () => {
    const plan = planOf([planned('a'), planned('b', { role: 'secondary' })]);
    expect(summary(replayed(plan, ended([a, toxic]))).results).toEqual([['a', 'clean']]);
    expect(summary(replayed(plan, ended([down, toxic]))).results).toEqual([
      ['a', 'network_error'],
      ['b', 'toxic'],
    ]);
    expect(summary(replayed(plan, ended([a]))).unknown).toEqual([]);
    expect(summary(replayed(plan, ended([down]))).unknown).toEqual(['b']);
  });

  it('asks no secondary for a primary that is not known', () => {
    const plan = planOf([planned('a'), planned('new'), planned('b', { role: 'secondary' })]);
    expect(summary(replayed(plan, ended([a, toxic])))).toEqual({
      results: [['a', 'clean']],
      unknown: ['new'],
    });
  });

  it('asks no stand-in of a run whose time was up, unless that was asked', () => {
    const plan = planOf([planned('a'), planned('b', { role: 'secondary' })]);
    const cut = { deadlineCut: true };
    expect(replayed(plan, ended([down], cut)).unknown).toEqual([]);
    expect(summary(replayed(plan, ended([down, toxic], cut))).results).toHaveLength(2);
  });

  it('asks the alternate of one that was down, and marks it as such', () => {
    const plan = planOf([
      planned('a', { fallback: { strategy: 'alternate', detector: 'b' } }),
      planned('b', { role: 'alternate' }),
    ]);
    const { results } = replayed(plan, ended([down, toxic]));
    expect(results[1]).toMatchObject({ detector: 'b', stand_in: { strategy: 'alternate', for: ['a'] } });
    expect(summary(replayed(plan, ended([a, toxic]))).results).toEqual([['a', 'clean']]);
    expect(replayed(plan, ended([down])).unknown).toEqual(['b']);
  });

  it('takes an alternate for itself where the plan asks it in its own right', () => {
    const standIn = {
      strategy: 'alternate' as const,
      for: ['a'],
      cause: 'outage' as const,
      error: 'network_error',
      age_seconds: null,
    };
    const { results } = replayed(planOf([planned('b')]), ended([{ ...toxic, stand_in: standIn }]));
    expect(results).toEqual([toxic]);
  });

  it('has those wait whose predecessors failed', () => {
    const plan = planOf([planned('a'), planned('b', { depends_on: ['a'] })], {
      primary_stages: [['a'], ['b']],
    });
    expect(summary(replayed(plan, ended([down, toxic]))).results).toEqual([
      ['a', 'network_error'],
      ['b', 'dependency_failed'],
    ]);
    expect(replayed(plan, ended([toxic])).unknown).toEqual(['a']);
    expect(replayed(plan, ended([])).unknown).toEqual(['a', 'b']);
  });

  it('has content that is too long for a detector skipped by it', () => {
    const plan = planOf([planned('a', { max_content_length: 10, long_content: 'skip' })]);
    expect(summary(replayed(plan, ended([a]))).results).toEqual([['a', 'content_too_long']]);
  });

  it('calls nobody where all that could cover anything was down', () => {
    const plan = planOf([planned('a'), planned('b', { role: 'secondary' })], {
      coverage: {
        method: 'required_set',
        required_detectors: ['a'],
        weights: {},
        required_categories: [],
        threshold: 0.8,
      },
    });
    const unhealthy = failure('a', 'unhealthy', 0, 'outage');
    expect(summary(replayed(plan, ended([unhealthy], { unavailable: ['a'] }))).results).toEqual([
      ['a', 'unhealthy'],
      ['b', 'dependency_failed'],
    ]);
  });

  it('gives back what a run had under the plan that it had', () => {
    fc.assert(
      fc.property(runs, ({ plan, results }) => {
        const asked = results.filter(({ status }) => status !== 'skipped');
        const { results: again, unknown } = replayed(plan, ended(asked));
        expect(again).toEqual(inPlanOrder(plan, asked));
        expect(unknown).toHaveLength(results.length - asked.length);
      }),
    );
  });

  it('does not depend on the order of what is on record', () => {
    fc.assert(
      fc.property(shuffledRuns, ({ plan, results, shuffled }) => {
        expect(replayed(plan, ended(shuffled))).toEqual(replayed(plan, ended(results)));
      }),
    );
  });
});
