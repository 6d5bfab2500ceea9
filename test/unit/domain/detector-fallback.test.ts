import { detectorErrors, type DetectorErrorToken, failureCauses } from '../../../src/contract/enums';
import { alternateOf, alternatesOf, withStandIns } from '../../../src/domain/alternates';
import { canAddCoverage, coverageOf } from '../../../src/domain/coverage';
import { defaultResult, failureOf, mayBeStoodInFor } from '../../../src/domain/detector-fallback';
import { appliedFailurePolicies } from '../../../src/domain/failure-policy';
import { outcomeOf } from '../../../src/domain/outcome';
import { planFor } from '../../../src/domain/plan';
import { counts } from '../../../src/domain/results';
import { failure, planned, planOf, policy, registration, success } from './support';

const alternate = (detector: string) => ({ fallback: { strategy: 'alternate' as const, detector } });
const pair = [
  planned('a', { ...alternate('b'), taxonomy_categories: ['PII.Contact'] }),
  planned('b', { role: 'alternate', taxonomy_categories: ['PII'] }),
];
const ending = {
  coverageDecision: null,
  policyFallback: false,
  secondariesStoodIn: false,
  mapping: { kind: 'off' },
  aggregationFailed: false,
  deadlineCut: false,
} as const;

describe('What may be stood in for', () => {
  it.each(failureCauses)('%s', (cause) => {
    const expected = ['outage', 'timeout', 'overload'].includes(cause);
    expect(mayBeStoodInFor('http_5xx', cause)).toBe(expected);
    // The time of the request is up: there is none for anybody else.
    expect(mayBeStoodInFor('request_deadline', cause)).toBe(false);
  });

  it('is what failed, and nothing that was skipped or judged', () => {
    const stoodInFor = Object.values(detectorErrors)
      .flat()
      .filter((token) => failureOf(failure('a', token)) !== null);
    expect(stoodInFor).toEqual<DetectorErrorToken[]>([
      'http_5xx',
      'network_error',
      'overloaded',
      'attempt_timeout',
      'unhealthy',
      'circuit_open',
      'disabled',
    ]);
    expect(failureOf(success('a', 'clean'))).toBeNull();
  });
});

describe('Alternates', () => {
  const choice = (...names: [string, Record<string, unknown>?][]) => ({
    contentType: 'text' as const,
    policy: policy(),
    registrations: names.map(([name, more]) => registration(name, more)),
    excluded: [],
  });
  const namesOf = (called: string[], from: ReturnType<typeof choice>) =>
    alternatesOf(
      from.registrations.filter(({ name }) => called.includes(name)),
      from,
    ).map(({ name }) => name);

  it('are those that a detector names, and those that they name', () => {
    const all = choice(['a', alternate('b')], ['b', alternate('c')], ['c'], ['d']);
    expect(namesOf(['a'], all)).toEqual(['b', 'c']);
    expect(namesOf(['c'], all)).toEqual([]);
  });

  it('do not go round', () => {
    const round = choice(['a', alternate('b')], ['b', alternate('c')], ['c', alternate('a')]);
    expect(namesOf(['a'], round)).toEqual(['b', 'c']);
    expect(namesOf(['a', 'b', 'c'], round)).toEqual([]);
  });

  it('must be able to judge the content, wait for nobody, and be wanted', () => {
    expect(namesOf(['a'], choice(['a', alternate('b')]))).toEqual([]);
    const images = { capabilities: { supported_content_types: ['image'] } };
    expect(namesOf(['a'], choice(['a', alternate('b')], ['b', images]))).toEqual([]);
    expect(namesOf(['a'], choice(['a', alternate('b')], ['b', { depends_on: ['c'] }]))).toEqual([]);
    const both = choice(['a', alternate('b')], ['b']);
    expect(namesOf(['a'], { ...both, excluded: ['b'] as never[] })).toEqual([]);
    const routed = policy({ content_type_routing: { text: ['a'] } });
    expect(namesOf(['a'], { ...both, policy: routed })).toEqual([]);
  });

  it('are in the plan with a role of their own, in no stage and no denominator', () => {
    const plan = planFor({
      request: {
        tenant_id: 'acme',
        policy_bundle: 'default',
        environment: 'dev',
        content_type: 'text',
        priority: 'normal',
      },
      policy: policy(),
      policyDigest: 'd',
      registrations: [registration('a', alternate('b')), registration('b')],
      decision: null,
      decider: 'tenant_policy',
      regoRules: { coverage: false, conflict: false },
      settings: {
        mappingEnabled: false,
        mapperBudgetMs: 500,
        maxConcurrentDetectors: 10,
        versionInfo: { taxonomy: '1', frameworks: '1', model: 'none' },
      },
    });
    expect(plan.detectors.map(({ name, role }) => [name, role])).toEqual([
      ['a', 'primary'],
      ['b', 'alternate'],
    ]);
    expect([plan.primary_stages, plan.secondary_stages]).toEqual([[['a']], []]);
    expect(plan.coverage.required_detectors).toEqual(['a']);
    expect(plan.detectors[0]!.fallback).toEqual({ strategy: 'alternate', detector: 'b' });
  });

  it('say in whose place they stand, and why', () => {
    const plan = planOf([...pair, planned('c', alternate('b'))]);
    const judged = success('b', 'clean');
    const results = [failure('a', 'circuit_open'), failure('c', 'overloaded'), judged];
    expect(withStandIns(plan, results)[2]).toEqual({
      ...judged,
      stand_in: {
        strategy: 'alternate',
        for: ['a', 'c'],
        cause: 'outage',
        error: 'circuit_open',
        age_seconds: null,
      },
    });
    const refused = failure('a', 'http_4xx', 1, 'credentials');
    expect(withStandIns(plan, [refused, success('c', 'clean'), judged])[2]).toEqual(judged);
  });

  it('that fall back on a default have judged nothing: the error stays', () => {
    const fallback = { strategy: 'default' as const, label: 'unchecked', confidence: 0.9 };
    const plan = planOf([pair[0]!, { ...pair[1]!, fallback }]);
    const unchecked = defaultResult('b', fallback, { cause: 'outage', error: 'circuit_open' }, 3);
    const results = withStandIns(plan, [failure('a', 'circuit_open'), unchecked]);
    expect(results[1]).toEqual(unchecked);
    expect(counts(results).succeeded).toBe(0);
    expect(outcomeOf({ ...ending, plan, results, coverage: coverageOf(plan, results) }).error_code).toBe(
      'ALL_DETECTORS_UNAVAILABLE',
    );
  });

  it('leave a primary its own turn', () => {
    const both = planOf([planned('a', alternate('b')), planned('b')]);
    expect(alternateOf(both, both.detectors[0]!)).toBeUndefined();
    expect(withStandIns(both, [failure('a', 'http_5xx'), success('b', 'clean')])[1]).toEqual(
      success('b', 'clean'),
    );
  });

  const outcome = (failure_rules: NonNullable<Parameters<typeof planOf>[1]>['failure_rules']) => {
    const plan = planOf(pair, failure_rules && { failure_rules });
    const results = withStandIns(plan, [failure('a', 'circuit_open'), success('b', 'clean')]);
    return outcomeOf({ ...ending, plan, results, coverage: coverageOf(plan, results) });
  };

  it('cover nothing in another name: what the failure means stays the bundle’s to say', () => {
    expect(outcome(undefined)).toMatchObject({
      status: 206,
      fallback_reasons: ['partial_coverage', 'detector_fallback'],
      failure_policy: [{ detector: 'a', action: 'fail_closed', stand_in: null }],
    });
    expect(outcome([{ action: 'secondary' }])).toMatchObject({
      status: 200,
      fallback_used: true,
      failure_policy: [{ detector: 'a', action: 'secondary', stand_in: 'b' }],
    });
  });

  it('make good only what they look for', () => {
    const narrow = [pair[0]!, planned('b', { role: 'alternate', taxonomy_categories: ['HARM'] })];
    const plan = planOf(narrow, { failure_rules: [{ action: 'secondary' }] });
    const results = [failure('a', 'http_5xx'), success('b', 'clean')];
    expect(appliedFailurePolicies(plan, results)[0]!.stand_in).toBeNull();
  });

  it('are worth a call when all others are down', () => {
    const down = (...names: string[]) => canAddCoverage(planOf(pair), (name) => !names.includes(name));
    expect([down('a'), down('a', 'b')]).toEqual([true, false]);
  });
});

describe('canAddCoverage', () => {
  const down = (detector: ReturnType<typeof planned>) => canAddCoverage(planOf([detector]), () => false);

  it('counts on a memory and on a standby, not on a default', () => {
    expect(down(planned('a'))).toBe(false);
    expect(down(planned('a', { fallback: { strategy: 'cached', max_age_seconds: 60 } }))).toBe(true);
    expect(down(planned('a', { fallback: { strategy: 'redirect', endpoint: 'http://b' } }))).toBe(true);
    expect(down(planned('a', { fallback: { strategy: 'default', label: 'x', confidence: 1 } }))).toBe(false);
  });

  it('counts on a secondary where the bundle lets it make good', () => {
    const detectors = [
      planned('a', { taxonomy_categories: ['PII'] }),
      planned('b', { role: 'secondary', taxonomy_categories: ['PII'] }),
    ];
    const available = (name: string) => name === 'b';
    expect(canAddCoverage(planOf(detectors), available)).toBe(false);
    expect(canAddCoverage(planOf(detectors, { failure_rules: [{ action: 'secondary' }] }), available)).toBe(
      true,
    );
  });
});

describe('A default', () => {
  const fallback = { strategy: 'default' as const, label: 'unchecked', confidence: 0.9 };
  const ofCircuit = defaultResult('a', fallback, { cause: 'outage', error: 'circuit_open' }, 3);
  const plan = planOf([planned('a', { fallback }), planned('b')]);
  const outcomeWith = (results: Parameters<typeof coverageOf>[1]) =>
    outcomeOf({ ...ending, plan, results, coverage: coverageOf(plan, results) });

  it('is a label that nobody has judged: it covers nothing, and no detector has succeeded', () => {
    expect(ofCircuit).toMatchObject({
      status: 'success',
      output: 'unchecked',
      confidence: 0.9,
      failure_cause: 'outage',
      unjudged: [{ reason: 'default_answer' }],
    });
    const results = [ofCircuit, success('b', 'clean')];
    expect(coverageOf(plan, results)).toBe(0.5);
    expect(counts(results)).toEqual({ attempted: 2, succeeded: 1, failed: 1 });
    expect(outcomeWith(results)).toMatchObject({
      status: 206,
      fallback_reasons: ['partial_coverage', 'detector_fallback'],
      failure_policy: [{ detector: 'a', cause: 'outage', action: 'fail_closed' }],
    });
  });

  it('is no answer by itself: the error is that of what it stands for', () => {
    const overload = defaultResult('a', fallback, { cause: 'overload', error: 'overloaded' }, 3);
    expect(outcomeWith([ofCircuit, failure('b', 'unhealthy')]).error_code).toBe('ALL_DETECTORS_UNAVAILABLE');
    expect(outcomeWith([overload, failure('b', 'overloaded')]).error_code).toBe('DETECTOR_OVERLOADED');
    expect(outcomeWith([overload, failure('b', 'http_5xx')]).error_code).toBe(
      'DETECTOR_COMMUNICATION_FAILED',
    );
  });

  it('may not pass for benign, whatever the bundle calls so', () => {
    expect(() => registration('a', { fallback: { strategy: 'default', label: 'clean' } })).toThrow(
      'nobody has looked',
    );
    const input = {
      request: {
        tenant_id: 'acme',
        policy_bundle: 'default',
        environment: 'dev' as const,
        content_type: 'text' as const,
        priority: 'normal' as const,
      },
      policyDigest: 'd',
      registrations: [registration('a', { fallback })],
      decision: null,
      decider: 'tenant_policy' as const,
      regoRules: { coverage: false, conflict: false },
      settings: {
        mappingEnabled: false,
        mapperBudgetMs: 500,
        maxConcurrentDetectors: 10,
        versionInfo: { taxonomy: '1', frameworks: '1', model: 'none' },
      },
    };
    const fallbackUnder = (policy_data: object) =>
      planFor({ ...input, policy: policy({ policy_data }) }).detectors[0]!.fallback;
    expect(fallbackUnder({})).toEqual(fallback);
    expect(fallbackUnder({ benign_labels: ['Unchecked'] })).toBeUndefined();
  });
});
