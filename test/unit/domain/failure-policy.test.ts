import { detectorErrors, failureCauses } from '../../../src/contract/enums';
import { failureRuleSchema } from '../../../src/contract/failure-policy';
import { causeOf } from '../../../src/domain/failure-cause';
import { appliedFailurePolicies, madeGood } from '../../../src/domain/failure-policy';
import { resultWithoutAnswer } from '../../../src/domain/results';
import { planOf, planned, success } from './support';

describe('causeOf', () => {
  it('names a cause for every failure of a detector, and none for what is not its own', () => {
    const without = ['plugin_error', 'not_registered', ...detectorErrors.skipped];
    for (const token of Object.values(detectorErrors).flat())
      expect([token, causeOf(token) === undefined]).toEqual([token, without.includes(token)]);
  });

  it.each([
    [401, 'credentials'],
    [403, 'credentials'],
    [407, 'credentials'],
    [408, 'timeout'],
    [400, 'bad_request'],
    [413, 'bad_request'],
  ] as const)('takes %i for %s', (status, cause) => expect(causeOf('http_4xx', status)).toBe(cause));

  it.each([
    [500, 'outage'],
    [502, 'outage'],
    [504, 'timeout'],
    [529, 'overload'],
  ] as const)('takes %i for %s', (status, cause) => expect(causeOf('http_5xx', status)).toBe(cause));
});

describe('appliedFailurePolicies', () => {
  const detectors = [
    planned('a', { taxonomy_categories: ['PII.Contact'] }),
    planned('b', { role: 'secondary', taxonomy_categories: ['PII'] }),
  ];
  const failing = (cause: (typeof failureCauses)[number]) => resultWithoutAnswer('a', 'http_4xx', 0, cause);

  it.each(failureCauses)('closes after %s without a rule', (cause) => {
    const applied = appliedFailurePolicies(planOf(detectors), [failing(cause)]);
    expect(applied).toEqual([{ detector: 'a', cause, action: 'fail_closed', stand_in: null }]);
    expect([...madeGood(applied)]).toEqual([]);
  });

  it.each(failureCauses)('opens after %s by a rule for all: never after refused credentials', (cause) => {
    const plan = planOf(detectors, { failure_rules: [{ action: 'fail_open' }] });
    expect([...madeGood(appliedFailurePolicies(plan, [failing(cause)]))]).toEqual(
      cause === 'credentials' ? [] : ['a'],
    );
    const smuggled = planOf(detectors, { failure_rules: [{ causes: ['credentials'], action: 'fail_open' }] });
    expect([...madeGood(appliedFailurePolicies(smuggled, [failing('credentials')]))]).toEqual([]);
  });

  it('follows Rego where it decides, but never opens refused credentials', () => {
    const plan = planOf(detectors, { failure_rules: [{ action: 'fail_open' }] });
    const review = { actions: { a: 'human_review' as const } };
    expect(appliedFailurePolicies(plan, [failing('outage')], review)).toEqual([
      { detector: 'a', cause: 'outage', action: 'human_review', stand_in: null, decided_by: 'opa' },
    ]);
    expect(appliedFailurePolicies(plan, [failing('outage')], { actions: {} })).toEqual([
      { detector: 'a', cause: 'outage', action: 'fail_open', stand_in: null },
    ]);
    const opening = { actions: { a: 'fail_open' as const } };
    expect(appliedFailurePolicies(planOf(detectors), [failing('credentials')], opening)).toEqual([
      { detector: 'a', cause: 'credentials', action: 'fail_closed', stand_in: null },
    ]);
  });

  it('says nothing of secondaries, and of what did not fail', () => {
    const plan = planOf(detectors, { failure_rules: [{ action: 'fail_open' }] });
    const results = [success('a', 'clean'), resultWithoutAnswer('b', 'unhealthy')];
    expect(appliedFailurePolicies(plan, results)).toEqual([]);
    expect(appliedFailurePolicies(plan, [resultWithoutAnswer('a', 'plugin_error')])).toEqual([]);
  });

  it('finds a stand-in among secondaries that judged all of it', () => {
    const plan = planOf(detectors, { failure_rules: [{ action: 'secondary' }] });
    const standIn = (b: ReturnType<typeof success>) =>
      appliedFailurePolicies(plan, [failing('outage'), b])[0]?.stand_in;
    expect(standIn(success('b', 'clean'))).toBe('b');
    const gap = { reason: 'truncated' as const, start: null, end: null, labels: null };
    expect(standIn({ ...success('b', 'clean'), unjudged: [gap] })).toBeNull();
    expect(standIn(resultWithoutAnswer('b', 'unhealthy'))).toBeNull();
  });

  it('has no stand-in for who declares nothing, or more than it looks for', () => {
    const rules = { failure_rules: [{ action: 'secondary' as const }] };
    for (const taxonomy_categories of [[], ['PII', 'HARM']]) {
      const plan = planOf([planned('a', { taxonomy_categories }), detectors[1]!], rules);
      const [applied] = appliedFailurePolicies(plan, [failing('outage'), success('b', 'clean')]);
      expect(applied?.stand_in).toBeNull();
    }
  });
});

describe('A failure rule', () => {
  const faultsOf = (rule: unknown) =>
    failureRuleSchema.safeParse(rule).error?.issues.map(({ path }) => path.join('.')) ?? [];

  it.each([
    [{ action: 'fail_closed' }, []],
    [{ causes: ['outage', 'timeout'], action: 'fail_open' }, []],
    [{ causes: ['credentials'], action: 'human_review' }, []],
    [{ causes: ['outage', 'credentials'], action: 'fail_open' }, ['causes.1']],
    [{ causes: ['weather'], action: 'fail_open' }, ['causes.0']],
    [{ causes: [], action: 'fail_open' }, ['causes']],
    [{ action: 'open' }, ['action']],
    [{}, ['action']],
    [{ detectors: ['a b'], action: 'fail_open' }, ['detectors.0']],
    [{ action: 'fail_open', cause: 'outage' }, ['']],
  ])('%j is at fault at %j', (rule, paths) => expect(faultsOf(rule)).toEqual(paths));
});
