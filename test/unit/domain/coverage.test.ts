import fc from 'fast-check';
import type { PlannedCoverage } from '../../../src/contract/plan';
import { atLeast } from '../../../src/domain/compare';
import { canAddCoverage, coverageOf, primariesFellShort } from '../../../src/domain/coverage';
import { failure, planOf, planned, runs, shuffledRuns, success } from './support';

const rule = (overrides: Partial<PlannedCoverage>): PlannedCoverage => ({
  method: 'required_set',
  required_detectors: [],
  weights: {},
  required_categories: [],
  threshold: 0.8,
  ...overrides,
});

const gap = { reason: 'truncated', start: 512, end: null, labels: null } as const;

describe('required_set', () => {
  const plan = planOf(['a', 'b', 'c', 'd', 'e'].map((name) => planned(name)));

  it('is the share of required detectors that succeeded', () => {
    const four = ['a', 'b', 'c', 'd'].map((name) => success(name, 'clean'));
    expect(coverageOf(plan, [...four, failure('e', 'http_5xx')])).toBe(0.8);
    expect(coverageOf(plan, [...four, success('e', 'toxic')])).toBe(1);
    expect(coverageOf(plan, [])).toBe(0);
  });

  it('counts no detector that is not required', () => {
    const narrow = planOf([planned('a'), planned('b')], { coverage: rule({ required_detectors: ['a'] }) });
    expect(coverageOf(narrow, [success('b', 'clean')])).toBe(0);
    expect(coverageOf(narrow, [success('a', 'clean'), failure('b', 'http_5xx')])).toBe(1);
  });

  it.each(['http_5xx', 'request_deadline', 'circuit_open', 'not_registered', 'excluded_by_request'] as const)(
    'keeps its denominator when a detector ends as %s',
    (token) => {
      const pair = planOf([planned('a'), planned('b')]);
      expect(coverageOf(pair, [success('a', 'clean'), failure('b', token)])).toBe(0.5);
    },
  );
});

describe('weighted_coverage', () => {
  const plan = planOf([planned('a'), planned('b'), planned('c')], {
    coverage: rule({ method: 'weighted_coverage', weights: { a: 0.7, b: 0.1, c: 0.2 } }),
  });

  it('meets 0.8 with 0.7 and 0.1, although their sum in binary is less', () => {
    const coverage = coverageOf(plan, [success('a', 'clean'), success('b', 'clean')]);
    expect(0.7 + 0.1).toBeLessThan(0.8);
    expect(atLeast(coverage, 0.8)).toBe(true);
  });

  it('counts a success in full, whatever it found', () => {
    expect(coverageOf(plan, [success('c', 'toxic', 0.1), failure('a', 'attempt_timeout')])).toBe(0.2);
  });

  it('is never over 1, though weights may sum to a little more', () => {
    const generous = planOf([planned('a'), planned('b')], {
      coverage: rule({ method: 'weighted_coverage', weights: { a: 0.5, b: 0.5000009 } }),
    });
    expect(coverageOf(generous, [success('a', 'clean'), success('b', 'clean')])).toBe(1);
  });

  it('counts weights of detectors outside the plan as not met', () => {
    const missing = planOf([planned('a')], {
      coverage: rule({ method: 'weighted_coverage', weights: { a: 0.4, gone: 0.6 } }),
    });
    expect(coverageOf(missing, [success('a', 'clean')])).toBe(0.4);
  });
});

describe('taxonomy_coverage', () => {
  const plan = planOf(
    [
      planned('pii', { taxonomy_categories: ['PII'] }),
      planned('harm', { taxonomy_categories: ['HARM.SPEECH', 'BIAS'] }),
    ],
    {
      coverage: rule({
        method: 'taxonomy_coverage',
        required_categories: ['PII.Contact.Email', 'PII', 'HARM.SPEECH.Toxicity', 'HARM'],
      }),
    },
  );

  it('is hit by ability: the category or an ancestor, whatever was found', () => {
    expect(coverageOf(plan, [success('pii', 'clean')])).toBe(0.5);
    // HARM itself is wider than what the detector declares.
    expect(coverageOf(plan, [success('pii', 'clean'), success('harm', 'clean')])).toBe(0.75);
  });

  it('does not take a common beginning for an ancestor', () => {
    const near = planOf([planned('x', { taxonomy_categories: ['HAR'] })], {
      coverage: rule({ method: 'taxonomy_coverage', required_categories: ['HARM'] }),
    });
    expect(coverageOf(near, [success('x', 'clean')])).toBe(0);
  });
});

describe('coverage under every method', () => {
  it('lies in [0, 1] and does not depend on the order of the answers', () => {
    fc.assert(
      fc.property(shuffledRuns, ({ plan, results, shuffled }) => {
        const coverage = coverageOf(plan, results);
        expect(coverage).toBeGreaterThanOrEqual(0);
        expect(coverage).toBeLessThanOrEqual(1);
        expect(coverageOf(plan, shuffled)).toBe(coverage);
      }),
    );
  });

  it('never falls when a detector succeeds that did not', () => {
    fc.assert(
      fc.property(runs, fc.nat(), ({ plan, results }, pick) => {
        const index = pick % results.length;
        const better = results.with(index, success(results[index]!.detector, 'clean'));
        expect(coverageOf(plan, better)).toBeGreaterThanOrEqual(coverageOf(plan, results));
      }),
    );
  });

  it('is 0 without and 1 with the success of all', () => {
    fc.assert(
      fc.property(runs, ({ plan }) => {
        const all = plan.detectors.map(({ name }) => success(name, 'clean'));
        const covered = coverageOf(plan, all);
        expect(coverageOf(plan, [])).toBe(0);
        const reachable = plan.coverage.method === 'taxonomy_coverage' ? Math.min(3, all.length) / 3 : 1;
        expect(atLeast(covered, reachable)).toBe(true);
      }),
    );
  });

  it('is what it were if who left something unjudged had failed', () => {
    fc.assert(
      fc.property(runs, fc.nat(), ({ plan, results }, pick) => {
        const index = pick % results.length;
        const { detector } = results[index]!;
        const partly = success(detector, 'toxic', 0.9, { unjudged: [gap] });
        expect(coverageOf(plan, results.with(index, partly))).toBe(
          coverageOf(plan, results.with(index, failure(detector, 'http_5xx'))),
        );
      }),
    );
  });

  it('has a denominator that no way of failing can change', () => {
    fc.assert(
      fc.property(
        runs,
        fc.constantFrom('excluded_by_request', 'not_registered', 'overloaded'),
        ({ plan, results }, token) => {
          const successes = results.filter(({ status }) => status === 'success');
          const failures = results
            .filter(({ status }) => status !== 'success')
            .map(({ detector }) => failure(detector, token as 'overloaded'));
          expect(coverageOf(plan, [...successes, ...failures])).toBe(coverageOf(plan, results));
          expect(coverageOf(plan, successes)).toBe(coverageOf(plan, results));
        },
      ),
    );
  });
});

describe('failover', () => {
  const plan = planOf([planned('a'), planned('b'), planned('spare', { role: 'secondary' })]);

  it('runs secondaries only when the primaries fell short of everything', () => {
    const a = success('a', 'clean');
    expect(primariesFellShort(plan, [a, failure('b', 'http_5xx')])).toBe(true);
    expect(primariesFellShort(plan, [a, success('b', 'clean')])).toBe(false);
    expect(primariesFellShort(planOf([planned('a')]), [failure('a', 'http_5xx')])).toBe(false);
  });

  it('runs secondaries for a primary that left something unjudged', () => {
    const partly = success('a', 'toxic', 0.9, { unjudged: [gap] });
    expect(primariesFellShort(plan, [partly, success('b', 'clean')])).toBe(true);
  });

  it('can add coverage while a detector that counts is available', () => {
    expect(canAddCoverage(plan, (name) => name === 'b')).toBe(true);
    expect(canAddCoverage(plan, () => false)).toBe(false);
  });

  it('cannot add coverage by a detector without weight in the active method', () => {
    expect(canAddCoverage(plan, (name) => name === 'spare')).toBe(false);
    const taxonomy = planOf(
      [
        planned('a', { taxonomy_categories: ['PII'] }),
        planned('spare', { role: 'secondary', taxonomy_categories: ['PII'] }),
      ],
      { coverage: rule({ method: 'taxonomy_coverage', required_categories: ['PII.Name'] }) },
    );
    expect(canAddCoverage(taxonomy, (name) => name === 'spare')).toBe(true);
  });

  it('can add coverage exactly when some available success would raise it', () => {
    fc.assert(
      fc.property(runs, fc.func(fc.boolean()), ({ plan: any }, available) => {
        const names = any.detectors.map(({ name }) => name).filter((name) => available(name));
        const best = coverageOf(
          any,
          names.map((name) => success(name, 'clean')),
        );
        expect(canAddCoverage(any, (name) => names.includes(name))).toBe(best > 0);
      }),
    );
  });
});
