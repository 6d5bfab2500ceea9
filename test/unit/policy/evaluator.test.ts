import { type Bundle, noRules } from '../../../src/policy/bundle';
import { createPolicyEvaluator, type PolicyEvaluatorOptions } from '../../../src/policy/evaluator';
import { conflictInput, coverageInput, samplePolicy, selectionInput } from './samples';

const allRules = { selection: true, coverage: true, conflict: true };
const bundle: Bundle = { policy: samplePolicy(), digest: 'one', wasm: new Uint8Array(), rules: allRules };

/** An evaluator whose rules are the given function. */
function evaluatorOf(rule: (name: string) => unknown, options: PolicyEvaluatorOptions = {}) {
  return createPolicyEvaluator({ load: () => ({ rules: allRules, evaluate: rule }), ...options });
}

const trap = () => {
  throw new Error('unreachable');
};

describe('a decision', () => {
  it('comes with its raw form', () => {
    const raw = { selected_detectors: ['pii'], selection_reason: 'why not', extra: 1 };
    expect(evaluatorOf(() => raw).select(bundle, selectionInput())).toEqual({
      kind: 'decision',
      value: { selected_detectors: ['pii'], selection_reason: 'why not' },
      raw,
    });
  });

  it('may use the short names of the contract', () => {
    const raw = { selected: ['pii'], coverage_method: 'taxonomy' };
    expect(evaluatorOf(() => raw).select(bundle, selectionInput())).toMatchObject({
      value: { selected_detectors: ['pii'], coverage_method: 'taxonomy_coverage' },
    });
    expect(evaluatorOf(() => ({ strategy: 'majority_vote' })).resolve(bundle, conflictInput())).toMatchObject(
      {
        value: { resolution_strategy: 'majority_vote' },
      },
    );
  });

  it('speaks in one line, without personal data and credentials', () => {
    const spoken = { resolution_reason: 'ask\nops@example.com\u0000', winning_detector: 'pii' };
    expect(evaluatorOf(() => spoken).resolve(bundle, conflictInput())).toMatchObject({
      value: { resolution_reason: 'ask [REDACTED:EMAIL] ', winning_detector: 'pii' },
    });
    const violations = {
      coverage_met: false,
      policy_violations: ['call +1 202-555-0143', `${'x '.repeat(97)}a@b.co`],
    };
    const covered = evaluatorOf(() => violations).cover(bundle, coverageInput());
    expect(covered).toMatchObject({
      value: { policy_violations: ['call [REDACTED:PHONE]', expect.any(String)] },
    });
    const [, cut] = (covered as { value: { policy_violations: string[] } }).value.policy_violations;
    expect(cut).toHaveLength(200);
  });

  it('is left to the static fields where the bundle has no rule', () => {
    const evaluator = evaluatorOf(trap);
    expect(evaluator.select({ ...bundle, wasm: null, rules: noRules }, selectionInput())).toEqual({
      kind: 'no_rule',
    });
    expect(evaluator.cover({ ...bundle, rules: noRules }, coverageInput())).toEqual({ kind: 'no_rule' });
  });
});

describe('an invalid decision', () => {
  const invalid = { kind: 'failed', reason: 'invalid' };

  it.each([
    ['undefined', undefined],
    ['not an object', true],
    ['empty', {}],
    ['of the wrong type', { selected_detectors: 'pii' }],
    ['naming an unknown detector', { selected_detectors: ['pii', 'piii'] }],
    ['requiring an unknown detector', { selected_detectors: [], required_detectors: ['piii'] }],
    ['naming an unknown method', { selected_detectors: [], coverage_method: 'guess' }],
    [
      'weighing an unknown detector',
      { selected_detectors: [], coverage_requirements: { weights: { piii: 1 } } },
    ],
    [
      'with weights not summing to 1',
      { selected_detectors: [], coverage_requirements: { weights: { pii: 0.9 } } },
    ],
    ['weighted without weights', { selected_detectors: ['pii'], coverage_method: 'weighted' }],
  ])('is a selection %s', (_what, raw) => {
    expect(evaluatorOf(() => raw).select(bundle, selectionInput())).toMatchObject(invalid);
  });

  it.each([
    ['undefined', undefined],
    ['without a verdict', { coverage_score: 1 }],
    ['with a verdict that is no boolean', { coverage_met: 'yes' }],
  ])('is a coverage verdict %s', (_what, raw) => {
    expect(evaluatorOf(() => raw).cover(bundle, coverageInput())).toMatchObject(invalid);
  });

  it.each([
    ['undefined', undefined],
    ['naming an unknown strategy', { resolution_strategy: 'required_detector_consensus' }],
    ['naming an unknown tie-breaker', { tie_breaker: 'coin' }],
    ['preferring an unknown detector', { winning_detector: 'piii' }],
  ])('is a conflict decision %s', (_what, raw) => {
    expect(evaluatorOf(() => raw).resolve(bundle, conflictInput())).toMatchObject(invalid);
  });

  it('does not count as a failure of OPA', () => {
    let raw: unknown = { coverage_met: 'yes' };
    const evaluator = evaluatorOf(() => raw);
    for (let i = 0; i < 5; i++) expect(evaluator.cover(bundle, coverageInput())).toMatchObject(invalid);
    raw = { coverage_met: true };
    expect(evaluator.cover(bundle, coverageInput())).toMatchObject({ kind: 'decision' });
  });

  it('does not repeat values in its detail', () => {
    const raw = { selected_detectors: ['my-secret-marker'], coverage_method: 'my-secret-marker' };
    expect(JSON.stringify(evaluatorOf(() => raw).select(bundle, selectionInput()))).not.toContain('marker');
  });
});

describe('a valid decision', () => {
  it('may select a required detector that is no candidate', () => {
    const input = selectionInput({ required_detectors: ['gone'] });
    expect(evaluatorOf(() => ({ selected_detectors: ['gone'] })).select(bundle, input).kind).toBe('decision');
  });

  it('may bring weights that sum to 1 up to rounding', () => {
    const weights = { pii: 0.1, secrets: 0.2, toxicity: 0.7000000001 };
    const raw = {
      selected_detectors: ['pii'],
      coverage_method: 'weighted',
      coverage_requirements: { weights },
    };
    expect(evaluatorOf(() => raw).select(bundle, selectionInput()).kind).toBe('decision');
  });

  it('may prefer a planned detector that did not answer', () => {
    const input = conflictInput({ weights: { language: 1 } });
    expect(evaluatorOf(() => ({ winning_detector: 'language' })).resolve(bundle, input).kind).toBe(
      'decision',
    );
  });
});

describe('a failing rule', () => {
  const met = { coverage_met: true };

  it('is reported as a trap and loaded anew for the next decision', () => {
    let loads = 0;
    let evaluate: () => unknown = trap;
    const evaluator = createPolicyEvaluator({
      load: () => {
        loads += 1;
        return { rules: allRules, evaluate: () => evaluate() };
      },
    });
    expect(evaluator.cover(bundle, coverageInput())).toEqual({
      kind: 'failed',
      reason: 'trap',
      detail: 'unreachable',
    });
    evaluate = () => met;
    expect(evaluator.cover(bundle, coverageInput()).kind).toBe('decision');
    expect(evaluator.cover(bundle, coverageInput()).kind).toBe('decision');
    expect(loads).toBe(2);
  });

  it('is slow when it takes longer than the limit', () => {
    let clock = 0;
    let took = 250;
    const rule = () => {
      clock += took;
      return met;
    };
    const evaluator = evaluatorOf(rule, { now: () => clock });
    expect(evaluator.cover(bundle, coverageInput()).kind).toBe('decision');
    took = 251;
    expect(evaluator.cover(bundle, coverageInput())).toMatchObject({ kind: 'failed', reason: 'slow' });
  });

  it('is not asked for 10 s after three failures in a row', () => {
    let clock = 0;
    let asked = 0;
    let broken = true;
    const rule = () => {
      asked += 1;
      return broken ? trap() : met;
    };
    const evaluator = evaluatorOf(rule, { now: () => clock });
    const reason = () => {
      const decision = evaluator.cover(bundle, coverageInput());
      return decision.kind === 'failed' ? decision.reason : decision.kind;
    };
    expect([reason(), reason(), reason(), reason()]).toEqual(['trap', 'trap', 'trap', 'unavailable']);
    clock = 9_999;
    expect(reason()).toBe('unavailable');
    expect(asked).toBe(3);

    clock = 10_000;
    expect([reason(), reason()]).toEqual(['trap', 'unavailable']);
    clock = 20_000;
    broken = false;
    expect(reason()).toBe('decision');
    broken = true;
    expect([reason(), reason(), reason(), reason()]).toEqual(['trap', 'trap', 'trap', 'unavailable']);
  });

  it('does not keep other rules and other bundles from deciding', () => {
    const evaluator = evaluatorOf((name) =>
      name === 'coverage' ? trap() : { resolution_strategy: 'majority_vote' },
    );
    for (let i = 0; i < 4; i++) {
      evaluator.cover(bundle, coverageInput());
      expect(evaluator.resolve(bundle, conflictInput()).kind).toBe('decision');
    }
    expect(evaluator.cover(bundle, coverageInput())).toMatchObject({ reason: 'unavailable' });
    expect(evaluator.cover({ ...bundle, digest: 'two' }, coverageInput())).toMatchObject({ reason: 'trap' });
  });

  it('is a trap when the module cannot be loaded', () => {
    const evaluator = createPolicyEvaluator();
    const corrupt = { ...bundle, wasm: Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 99]) };
    expect(evaluator.cover(corrupt, coverageInput())).toMatchObject({ kind: 'failed', reason: 'trap' });
  });
});
