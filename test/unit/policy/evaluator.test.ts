import { type Bundle, noRules } from '../../../src/policy/bundle';
import type { LoggedDecision } from '../../../src/contract/decision-log';
import { type EvaluationPool, NoThreadError, SlowPolicyError } from '../../../src/policy/evaluation-pool';
import { createPolicyEvaluator, type PolicyEvaluatorOptions } from '../../../src/policy/evaluator';
import { OutOfFuelError } from '../../../src/policy/rego-host';
import {
  conflictInput,
  coverageInput,
  failureInput,
  routingInput,
  samplePolicy,
  selectionInput,
} from './samples';

const allRules = { selection: true, routing: true, coverage: true, conflict: true, failure: true };
const bundle: Bundle = { policy: samplePolicy(), digest: 'one', wasm: new Uint8Array(), rules: allRules };
const requestId = 'a5d1f2a0-0000-4000-8000-000000000001';

type Inputs = typeof bundle;

/** Asks on behalf of one request. */
function asking(options: PolicyEvaluatorOptions) {
  const evaluator = createPolicyEvaluator({ compile: () => ({}), ...options });
  return {
    select: (one: Inputs, input: ReturnType<typeof selectionInput>) =>
      evaluator.select(one, input, requestId),
    route: (one: Inputs, input: ReturnType<typeof routingInput>) => evaluator.route(one, input, requestId),
    cover: (one: Inputs, input: ReturnType<typeof coverageInput>) => evaluator.cover(one, input, requestId),
    resolve: (one: Inputs, input: ReturnType<typeof conflictInput>) =>
      evaluator.resolve(one, input, requestId),
    judgeFailures: (one: Inputs, input: ReturnType<typeof failureInput>) =>
      evaluator.judgeFailures(one, input, requestId),
  };
}

/** An evaluator whose rules are the given function. */
function evaluatorOf(rule: (name: string) => unknown, options: PolicyEvaluatorOptions = {}) {
  return asking({ load: () => ({ rules: allRules, evaluate: rule }), ...options });
}

const trap = () => {
  throw new Error('unreachable');
};

describe('a decision', () => {
  it('comes with its raw form', async () => {
    const raw = { selected_detectors: ['pii'], selection_reason: 'why not', extra: 1 };
    expect(await evaluatorOf(() => raw).select(bundle, selectionInput())).toEqual({
      kind: 'decision',
      value: { selected_detectors: ['pii'], selection_reason: 'why not' },
      raw,
    });
  });

  it('may use the short names of the contract', async () => {
    const raw = { selected: ['pii'], coverage_method: 'taxonomy' };
    expect(await evaluatorOf(() => raw).select(bundle, selectionInput())).toMatchObject({
      value: { selected_detectors: ['pii'], coverage_method: 'taxonomy_coverage' },
    });
    expect(
      await evaluatorOf(() => ({ strategy: 'majority_vote' })).resolve(bundle, conflictInput()),
    ).toMatchObject({
      value: { resolution_strategy: 'majority_vote' },
    });
  });

  it('speaks in one line, without personal data and credentials', async () => {
    const spoken = { resolution_reason: 'ask\nops@example.com\u0000', winning_detector: 'pii' };
    expect(await evaluatorOf(() => spoken).resolve(bundle, conflictInput())).toMatchObject({
      value: { resolution_reason: 'ask [REDACTED:EMAIL] ', winning_detector: 'pii' },
    });
    const violations = {
      coverage_met: false,
      policy_violations: ['call +1 202-555-0143', `${'x '.repeat(97)}a@b.co`],
    };
    const covered = await evaluatorOf(() => violations).cover(bundle, coverageInput());
    expect(covered).toMatchObject({
      value: { policy_violations: ['call [REDACTED:PHONE]', expect.any(String)] },
    });
    const [, cut] = (covered as { value: { policy_violations: string[] } }).value.policy_violations;
    expect(cut).toHaveLength(200);
  });

  it('gives its reasons so in every decision', async () => {
    const routed = await evaluatorOf(() => ({ routing_reason: 'mail\na@b.co' })).route(
      bundle,
      routingInput(),
    );
    expect(routed).toMatchObject({ value: { routing_reason: 'mail [REDACTED:EMAIL]' } });
    const raw = { actions: {}, failure_reason: 'mail a@b.co\u0000' };
    expect(await evaluatorOf(() => raw).judgeFailures(bundle, failureInput())).toMatchObject({
      value: { failure_reason: 'mail [REDACTED:EMAIL] ' },
    });
  });

  it('is left to the static fields where the bundle has no rule', async () => {
    const evaluator = evaluatorOf(trap);
    expect(await evaluator.select({ ...bundle, wasm: null, rules: noRules }, selectionInput())).toEqual({
      kind: 'no_rule',
    });
    expect(await evaluator.cover({ ...bundle, rules: noRules }, coverageInput())).toEqual({
      kind: 'no_rule',
    });
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
  ])('is a selection %s', async (_what, raw) => {
    expect(await evaluatorOf(() => raw).select(bundle, selectionInput())).toMatchObject(invalid);
  });

  it.each([
    ['undefined', undefined],
    ['without a verdict', { coverage_score: 1 }],
    ['with a verdict that is no boolean', { coverage_met: 'yes' }],
  ])('is a coverage verdict %s', async (_what, raw) => {
    expect(await evaluatorOf(() => raw).cover(bundle, coverageInput())).toMatchObject(invalid);
  });

  it.each([
    ['undefined', undefined],
    ['naming an unknown strategy', { resolution_strategy: 'required_detector_consensus' }],
    ['naming an unknown tie-breaker', { tie_breaker: 'coin' }],
    ['preferring an unknown detector', { winning_detector: 'piii' }],
  ])('is a conflict decision %s', async (_what, raw) => {
    expect(await evaluatorOf(() => raw).resolve(bundle, conflictInput())).toMatchObject(invalid);
  });

  it.each([
    ['more names than there can be detectors', Array<string>(201).fill('PII')],
    ['a name that is a text', ['x'.repeat(101)]],
    ['a name that is none', ['']],
    ['a name that no database takes', ['PII\u0000']],
    ['half a character', ['PII\ud83d']],
  ])('has %s', async (_what, categories) => {
    const raw = {
      selected_detectors: ['pii'],
      coverage_requirements: { required_taxonomy_categories: categories },
    };
    expect(await evaluatorOf(() => raw).select(bundle, selectionInput())).toMatchObject(invalid);
  });

  it('acts on more failures than there can be detectors', async () => {
    const names = Array.from({ length: 201 }, (_, i) => `detector-${i}`);
    const failures = names.map((detector) => ({ ...failureInput().failures[0]!, detector }));
    const raw = { actions: Object.fromEntries(names.map((name) => [name, 'fail_closed'])) };
    expect(await evaluatorOf(() => raw).judgeFailures(bundle, failureInput({ failures }))).toMatchObject(
      invalid,
    );
  });

  it('does not count as a failure of OPA', async () => {
    let raw: unknown = { coverage_met: 'yes' };
    const evaluator = evaluatorOf(() => raw);
    for (let i = 0; i < 5; i++) expect(await evaluator.cover(bundle, coverageInput())).toMatchObject(invalid);
    raw = { coverage_met: true };
    expect(await evaluator.cover(bundle, coverageInput())).toMatchObject({ kind: 'decision' });
  });

  it('does not repeat values in its detail', async () => {
    const raw = { selected_detectors: ['my-secret-marker'], coverage_method: 'my-secret-marker' };
    expect(JSON.stringify(await evaluatorOf(() => raw).select(bundle, selectionInput()))).not.toContain(
      'marker',
    );
  });
});

describe('a valid decision', () => {
  it('may select a required detector that is no candidate', async () => {
    const input = selectionInput({ required_detectors: ['gone'] });
    expect(await evaluatorOf(() => ({ selected_detectors: ['gone'] })).select(bundle, input)).toMatchObject({
      kind: 'decision',
    });
  });

  it('may bring weights that sum to 1 up to rounding', async () => {
    const weights = { pii: 0.1, secrets: 0.2, toxicity: 0.7000000001 };
    const raw = {
      selected_detectors: ['pii'],
      coverage_method: 'weighted',
      coverage_requirements: { weights },
    };
    expect(await evaluatorOf(() => raw).select(bundle, selectionInput())).toMatchObject({ kind: 'decision' });
  });

  it('may prefer a planned detector that did not answer', async () => {
    const input = conflictInput({ weights: { language: 1 } });
    expect(await evaluatorOf(() => ({ winning_detector: 'language' })).resolve(bundle, input)).toMatchObject({
      kind: 'decision',
    });
  });
});

describe('a failing rule', () => {
  const met = { coverage_met: true };

  it('is reported as a trap and loaded anew for the next decision', async () => {
    let loads = 0;
    let evaluate: () => unknown = trap;
    const evaluator = asking({
      load: () => {
        loads += 1;
        return { rules: allRules, evaluate: () => evaluate() };
      },
    });
    expect(await evaluator.cover(bundle, coverageInput())).toEqual({
      kind: 'failed',
      reason: 'trap',
      detail: 'unreachable',
    });
    evaluate = () => met;
    expect(await evaluator.cover(bundle, coverageInput())).toMatchObject({ kind: 'decision' });
    expect(await evaluator.cover(bundle, coverageInput())).toMatchObject({ kind: 'decision' });
    expect(loads).toBe(2);
  });

  it('fails in words that can be stored and shown', async () => {
    const words = (text: string) =>
      evaluatorOf(() => {
        throw new Error(text);
      }).cover(bundle, coverageInput());
    expect(await words('mail\u0000a@b.co \ud83d')).toMatchObject({ detail: 'mail [REDACTED:EMAIL]  ' });
    expect(await words(`${'x'.repeat(199)}😀`)).toMatchObject({ detail: `${'x'.repeat(199)}😀` });
  });

  it('is not asked for 10 s after three failures in a row', async () => {
    let clock = 0;
    let asked = 0;
    let broken = true;
    const rule = () => {
      asked += 1;
      return broken ? trap() : met;
    };
    const evaluator = evaluatorOf(rule, { now: () => clock });
    const reason = async () => {
      const decision = await evaluator.cover(bundle, coverageInput());
      return decision.kind === 'failed' ? decision.reason : decision.kind;
    };
    expect([await reason(), await reason(), await reason(), await reason()]).toEqual([
      'trap',
      'trap',
      'trap',
      'unavailable',
    ]);
    clock = 9_999;
    expect(await reason()).toBe('unavailable');
    expect(asked).toBe(3);

    clock = 10_000;
    expect([await reason(), await reason()]).toEqual(['trap', 'unavailable']);
    clock = 20_000;
    broken = false;
    expect(await reason()).toBe('decision');
    broken = true;
    expect([await reason(), await reason(), await reason(), await reason()]).toEqual([
      'trap',
      'trap',
      'trap',
      'unavailable',
    ]);
  });

  it('does not keep other rules and other bundles from deciding', async () => {
    const evaluator = evaluatorOf((name) =>
      name === 'coverage' ? trap() : { resolution_strategy: 'majority_vote' },
    );
    for (let i = 0; i < 4; i++) {
      await evaluator.cover(bundle, coverageInput());
      expect(await evaluator.resolve(bundle, conflictInput())).toMatchObject({ kind: 'decision' });
    }
    expect(await evaluator.cover(bundle, coverageInput())).toMatchObject({ reason: 'unavailable' });
    expect(await evaluator.cover({ ...bundle, digest: 'two' }, coverageInput())).toMatchObject({
      reason: 'trap',
    });
  });

  it('is a trap when the module cannot be loaded', async () => {
    const { cover } = createPolicyEvaluator();
    const corrupt = { ...bundle, wasm: Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 99]) };
    expect(await cover(corrupt, coverageInput(), requestId)).toMatchObject({
      kind: 'failed',
      reason: 'trap',
    });
  });
});

describe('a rule that takes longer than the event loop may be held up', () => {
  const met = { coverage_met: true };
  const outOfFuel = () => {
    throw new OutOfFuelError();
  };
  const poolOf = (evaluate: EvaluationPool['evaluate']): EvaluationPool => ({
    evaluate,
    close: () => Promise.resolve(),
  });

  it('is asked in a thread, and for a minute nowhere else', async () => {
    let clock = 0;
    let inProcess = 0;
    let inThread = 0;
    const evaluator = evaluatorOf(
      () => {
        inProcess += 1;
        return outOfFuel();
      },
      {
        now: () => clock,
        pool: poolOf(async () => {
          inThread += 1;
          return met;
        }),
      },
    );
    for (let i = 0; i < 3; i++)
      expect(await evaluator.cover(bundle, coverageInput())).toMatchObject({ kind: 'decision' });
    expect({ inProcess, inThread }).toEqual({ inProcess: 1, inThread: 3 });

    clock = 60_000;
    await evaluator.cover(bundle, coverageInput());
    expect({ inProcess, inThread }).toEqual({ inProcess: 2, inThread: 4 });
  });

  it('is slow when its thread had to be ended, and after three times not asked', async () => {
    const pool = poolOf(() => Promise.reject(new SlowPolicyError('took over 250 ms')));
    const evaluator = evaluatorOf(outOfFuel, { pool });
    for (let i = 0; i < 3; i++)
      expect(await evaluator.cover(bundle, coverageInput())).toMatchObject({ reason: 'slow' });
    expect(await evaluator.cover(bundle, coverageInput())).toMatchObject({ reason: 'unavailable' });
  });

  it('is not to blame when no thread was free', async () => {
    const pool = poolOf(() => Promise.reject(new NoThreadError('no thread was free in time')));
    const evaluator = evaluatorOf(outOfFuel, { pool });
    for (let i = 0; i < 4; i++) {
      expect(await evaluator.cover(bundle, coverageInput())).toMatchObject({
        reason: 'unavailable',
        detail: 'no thread was free in time',
      });
    }
  });
});

describe('routing by content', () => {
  it.each([
    ['naming an unknown detector', { add_detectors: ['piii'] }, 'unknown_detector: piii'],
    ['skipping what the bundle requires', { skip_detectors: ['pii'] }, 'skips_required_detector: pii'],
    [
      'skipping what the request requires',
      { skip_detectors: ['toxicity'] },
      'skips_required_detector: toxicity',
    ],
    [
      'adding what it skips',
      { add_detectors: ['language'], skip_detectors: ['language'] },
      'adds_and_skips: language',
    ],
    ['that is no list', { add_detectors: 'pii' }, 'add_detectors: invalid_type'],
  ])('is invalid %s', async (_what, raw, detail) => {
    const input = routingInput({ required_detectors: ['toxicity'] });
    expect(await evaluatorOf(() => raw).route(bundle, input)).toEqual({
      kind: 'failed',
      reason: 'invalid',
      detail,
    });
  });

  it('adds and skips what may be added and skipped', async () => {
    const raw = { add_detectors: ['dangerous-code'], skip_detectors: ['language'] };
    expect(await evaluatorOf(() => raw).route(bundle, routingInput())).toMatchObject({ value: raw });
  });
});

describe('a decision on failures', () => {
  it.each([
    [
      'naming a detector that has not failed',
      { actions: { secrets: 'fail_open' } },
      'unknown_detector: secrets',
    ],
    ['opening refused credentials', { actions: { toxicity: 'fail_open' } }, 'opens_credentials: toxicity'],
    ['without actions', {}, 'actions: invalid_type'],
    ['with an unknown action', { actions: { pii: 'shrug' } }, 'actions.pii: invalid_value'],
  ])('is invalid %s', async (_what, raw, detail) => {
    expect(await evaluatorOf(() => raw).judgeFailures(bundle, failureInput())).toEqual({
      kind: 'failed',
      reason: 'invalid',
      detail,
    });
  });

  it('may leave detectors to the static rules', async () => {
    const raw = { actions: { pii: 'human_review' } };
    expect(await evaluatorOf(() => raw).judgeFailures(bundle, failureInput())).toMatchObject({ value: raw });
  });
});

describe('the log of decisions', () => {
  it('is told what was asked, what came out and who asked, but not the input', async () => {
    const entries: LoggedDecision[] = [];
    let raw: unknown = { coverage_met: false, policy_violations: ['mail ops@example.com'], other: 'marker' };
    const evaluator = evaluatorOf(() => raw, { log: (entry) => entries.push(entry) });
    await evaluator.cover(bundle, coverageInput());
    raw = { coverage_met: 'yes' };
    await evaluator.cover(bundle, coverageInput());
    await evaluator.cover(bundle, coverageInput({ coverage_achieved: 0.5 }));
    await evaluator.cover({ ...bundle, rules: noRules }, coverageInput());

    expect(entries).toHaveLength(3);
    expect(entries[0]).toMatchObject({
      request_id: requestId,
      tenant_id: 'acme',
      policy_bundle: 'sample',
      policy_version: '1.0',
      policy_digest: 'one',
      decision: 'coverage',
      input_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      outcome: 'decision',
      result: { coverage_met: false, policy_violations: ['mail [REDACTED:EMAIL]'] },
      detail: null,
    });
    expect(entries[1]).toMatchObject({
      outcome: 'invalid',
      result: null,
      detail: 'coverage_met: invalid_type',
    });
    expect(entries[1]?.input_digest).toBe(entries[0]?.input_digest);
    expect(entries[2]?.input_digest).not.toBe(entries[0]?.input_digest);
    expect(JSON.stringify(entries)).not.toMatch(/marker|coverage_achieved/);
  });
});
