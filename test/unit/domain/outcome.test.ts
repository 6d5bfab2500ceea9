import { fallbackReasons } from '../../../src/contract/enums';
import { type ErrorCode, canonicalErrors } from '../../../src/contract/errors';
import type { DetectorResult } from '../../../src/contract/detector-result';
import { type Ending, type MappingOutcome, outcomeOf } from '../../../src/domain/outcome';
import { counts } from '../../../src/domain/results';
import { failure, planOf, planned, success } from './support';

const plan = planOf([planned('a'), planned('b')]);

const ending = (overrides: Partial<Ending>): Ending => ({
  plan,
  results: [success('a', 'clean'), success('b', 'clean')],
  coverage: 1,
  coverageDecision: null,
  policyFallback: false,
  secondariesStoodIn: false,
  mapping: { kind: 'mapped' },
  aggregationFailed: false,
  deadlineCut: false,
  ...overrides,
});

describe('a success', () => {
  it.each(['off', 'skipped', 'mapped'] as const)('is a plain 200 with mapping %s', (kind) => {
    expect(outcomeOf(ending({ mapping: { kind } }))).toEqual({
      status: 200,
      error_code: null,
      fallback_used: false,
      fallback_reasons: [],
    });
  });

  it('needs the threshold only, not everything', () => {
    expect(outcomeOf(ending({ coverage: 0.8 })).status).toBe(200);
    expect(outcomeOf(ending({ coverage: 0.7 + 0.1 })).status).toBe(200);
  });

  it('tells that a secondary or the static policy stood in', () => {
    expect(outcomeOf(ending({ secondariesStoodIn: true, policyFallback: true }))).toEqual({
      status: 200,
      error_code: null,
      fallback_used: true,
      fallback_reasons: ['secondary_detectors', 'opa_unavailable'],
    });
  });
});

describe('partial coverage', () => {
  it('is 206 below the threshold of the plan', () => {
    expect(outcomeOf(ending({ coverage: 0.79 }))).toEqual({
      status: 206,
      error_code: 'PARTIAL_COVERAGE',
      fallback_used: true,
      fallback_reasons: ['partial_coverage'],
    });
    const lenient = planOf([planned('a')], { coverage: { ...plan.coverage, threshold: 0.5 } });
    expect(outcomeOf(ending({ plan: lenient, coverage: 0.5 })).status).toBe(200);
  });

  it('can be forced by Rego, but not lifted', () => {
    expect(outcomeOf(ending({ coverageDecision: { coverage_met: false } })).status).toBe(206);
    expect(outcomeOf(ending({ coverage: 0.5, coverageDecision: { coverage_met: true } })).status).toBe(206);
    expect(outcomeOf(ending({ coverageDecision: { coverage_met: true } })).status).toBe(200);
  });
});

describe('a mapper failure', () => {
  it.each([
    ['REQUEST_TIMEOUT', 'mapper_timeout'],
    ['DETECTOR_OVERLOADED', 'mapper_error'],
    ['DETECTOR_COMMUNICATION_FAILED', 'mapper_error'],
  ] as const)('%s leaves a 200 with the reason %s', (code, reason) => {
    expect(outcomeOf(ending({ mapping: { kind: 'failed', code } }))).toEqual({
      status: 200,
      error_code: code,
      fallback_used: true,
      fallback_reasons: [reason],
    });
  });

  it('leaves a 206 its code and adds its reason', () => {
    const outcome = outcomeOf(
      ending({ coverage: 0.5, mapping: { kind: 'failed', code: 'REQUEST_TIMEOUT' } }),
    );
    expect(outcome).toMatchObject({
      status: 206,
      error_code: 'PARTIAL_COVERAGE',
      fallback_reasons: ['mapper_timeout', 'partial_coverage'],
    });
  });
});

describe('without a success', () => {
  const codeOf = (results: DetectorResult[], deadlineCut = false) =>
    outcomeOf(ending({ results, coverage: 0, deadlineCut })).error_code;

  it.each<[string, DetectorResult[], boolean, ErrorCode]>([
    [
      'nothing was available',
      [failure('a', 'circuit_open'), failure('b', 'unhealthy')],
      false,
      'ALL_DETECTORS_UNAVAILABLE',
    ],
    [
      'nothing available or applicable',
      [failure('a', 'not_registered'), failure('b', 'content_too_long')],
      false,
      'ALL_DETECTORS_UNAVAILABLE',
    ],
    ['everything was skipped', [failure('a', 'excluded_by_request')], false, 'ALL_DETECTORS_UNAVAILABLE'],
    ['the plan is empty', [], false, 'ALL_DETECTORS_UNAVAILABLE'],
    ['unavailable to the end', [failure('a', 'circuit_open')], true, 'ALL_DETECTORS_UNAVAILABLE'],
    ['time was up before anything began', [], true, 'REQUEST_TIMEOUT'],
    [
      'time was up before anything began, but for a skip',
      [failure('a', 'excluded_by_request')],
      true,
      'REQUEST_TIMEOUT',
    ],
    [
      'all overloaded',
      [failure('a', 'overloaded'), failure('b', 'overloaded')],
      false,
      'DETECTOR_OVERLOADED',
    ],
    [
      'all overloaded that were tried',
      [failure('a', 'overloaded'), failure('b', 'excluded_by_request')],
      false,
      'DETECTOR_OVERLOADED',
    ],
    [
      'some overloaded',
      [failure('a', 'overloaded'), failure('b', 'http_5xx')],
      false,
      'DETECTOR_COMMUNICATION_FAILED',
    ],
    [
      'overloaded and unavailable',
      [failure('a', 'overloaded'), failure('b', 'circuit_open')],
      false,
      'DETECTOR_COMMUNICATION_FAILED',
    ],
    [
      'overloaded and cut',
      [failure('a', 'overloaded'), failure('b', 'request_deadline')],
      true,
      'DETECTOR_COMMUNICATION_FAILED',
    ],
    [
      'all cut',
      [failure('a', 'request_deadline'), failure('b', 'request_deadline')],
      true,
      'REQUEST_TIMEOUT',
    ],
    [
      'all cut that could be called',
      [failure('a', 'request_deadline'), failure('b', 'circuit_open')],
      true,
      'REQUEST_TIMEOUT',
    ],
    [
      'cut, and its dependent skipped',
      [failure('a', 'request_deadline'), failure('b', 'dependency_failed')],
      true,
      'REQUEST_TIMEOUT',
    ],
    [
      'each attempt timed out',
      [failure('a', 'attempt_timeout'), failure('b', 'attempt_timeout')],
      false,
      'DETECTOR_COMMUNICATION_FAILED',
    ],
    [
      'a mix',
      [failure('a', 'http_4xx'), failure('b', 'request_deadline')],
      true,
      'DETECTOR_COMMUNICATION_FAILED',
    ],
    [
      'garbage',
      [failure('a', 'invalid_response'), failure('b', 'invalid_response')],
      false,
      'DETECTOR_COMMUNICATION_FAILED',
    ],
  ])('%s', (_, results, deadlineCut, code) => {
    expect(codeOf(results, deadlineCut)).toBe(code);
  });

  it('reads the token before the text of an error', () => {
    expect(codeOf([{ ...failure('a', 'overloaded'), error: 'overloaded: retry after 5 s' }])).toBe(
      'DETECTOR_OVERLOADED',
    );
  });

  it('is never 206 or 200, whatever coverage and mapper say', () => {
    const outcome = outcomeOf(
      ending({
        results: [failure('a', 'http_5xx')],
        mapping: { kind: 'failed', code: 'DETECTOR_COMMUNICATION_FAILED' },
      }),
    );
    expect(outcome).toMatchObject({
      status: 502,
      error_code: 'DETECTOR_COMMUNICATION_FAILED',
      fallback_used: true,
    });
  });
});

describe('precedence', () => {
  /** In the locked order, each with the fact that brings it about. */
  const noSuccess: [ErrorCode, DetectorResult[]][] = [
    ['ALL_DETECTORS_UNAVAILABLE', [failure('a', 'circuit_open')]],
    ['DETECTOR_OVERLOADED', [failure('a', 'overloaded')]],
    ['REQUEST_TIMEOUT', [failure('a', 'request_deadline')]],
    ['DETECTOR_COMMUNICATION_FAILED', [failure('a', 'network_error')]],
  ];
  const mappings: MappingOutcome[] = [
    { kind: 'off' },
    { kind: 'skipped' },
    { kind: 'mapped' },
    { kind: 'failed', code: 'REQUEST_TIMEOUT' },
    { kind: 'failed', code: 'DETECTOR_OVERLOADED' },
    { kind: 'failed', code: 'DETECTOR_COMMUNICATION_FAILED' },
  ];
  const results: [ErrorCode | null, DetectorResult[]][] = [...noSuccess, [null, [success('a', 'toxic')]]];

  // All combinations of the facts that decide: 5 x 2 x 3 x 6 x 2 x 2 = 720.
  const cases = results.flatMap(([failed, list]) =>
    [false, true].flatMap((aggregationFailed) =>
      [1, 0.5, 'refused' as const].flatMap((coverage) =>
        mappings.flatMap((mapping) =>
          [false, true].flatMap((policyFallback) =>
            [false, true].map((secondariesStoodIn) => ({
              failed,
              ending: ending({
                results: list,
                aggregationFailed,
                coverage: coverage === 'refused' ? 1 : coverage,
                coverageDecision: coverage === 'refused' ? { coverage_met: false } : null,
                mapping,
                policyFallback,
                secondariesStoodIn,
              }),
            })),
          ),
        ),
      ),
    ),
  );

  it('holds for every combination of facts', () => {
    expect(cases).toHaveLength(720);
    for (const { failed, ending: facts } of cases) {
      const partial = facts.coverage < 0.8 || facts.coverageDecision?.coverage_met === false;
      const mapperCode = facts.mapping.kind === 'failed' ? facts.mapping.code : null;
      const expected =
        failed ??
        (facts.aggregationFailed ? 'AGGREGATION_FAILED' : partial ? 'PARTIAL_COVERAGE' : mapperCode);
      const outcome = outcomeOf(facts);
      expect(outcome.error_code).toBe(expected);
      const mapperOnly = expected !== null && failed === null && !facts.aggregationFailed && !partial;
      expect(outcome.status).toBe(expected === null || mapperOnly ? 200 : canonicalErrors[expected].status);
      expect(outcome.fallback_used).toBe(
        expected !== null || facts.policyFallback || facts.secondariesStoodIn,
      );
      expect(outcome.fallback_reasons.includes('partial_coverage')).toBe(expected === 'PARTIAL_COVERAGE');
      expect(outcome.fallback_reasons.includes('opa_unavailable')).toBe(facts.policyFallback);
      expect(outcome.fallback_reasons.includes('secondary_detectors')).toBe(facts.secondariesStoodIn);
      expect(outcome.fallback_reasons.every((reason) => fallbackReasons.includes(reason))).toBe(true);
    }
  });
});

describe('counts', () => {
  it('leaves out what was skipped', () => {
    const results = [
      success('a', 'clean'),
      failure('b', 'http_5xx'),
      failure('c', 'request_deadline'),
      failure('d', 'circuit_open'),
      failure('e', 'dependency_failed'),
    ];
    expect(counts(results)).toEqual({ attempted: 4, succeeded: 1, failed: 3 });
  });
});
