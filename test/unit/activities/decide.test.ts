import { createDecide } from '../../../src/activities/decide';
import type { ConflictInput, CoverageInput } from '../../../src/contract/decisions';
import type { FailureInput } from '../../../src/contract/failure-decision';
import type { DetectorResult } from '../../../src/contract/detector-result';
import type { Plan } from '../../../src/contract/plan';
import type { Bundle } from '../../../src/policy/bundle';
import type { PolicyEvaluator } from '../../../src/policy/evaluator';
import { failure, planned, planOf, policy, success } from '../domain/support';

const bundle: Bundle = {
  policy: policy(),
  digest: 'd'.repeat(64),
  wasm: new Uint8Array(),
  rules: { selection: false, coverage: true, conflict: true },
};
const trapped = { kind: 'failed', reason: 'trap', detail: '' } as const;

function decideWith(
  evaluator: Partial<PolicyEvaluator>,
  bundleByDigest: (digest: string) => Promise<Bundle | null> = () => Promise.resolve(bundle),
) {
  const unasked = async () => ({ kind: 'no_rule' }) as const;
  return createDecide({
    evaluator: { cover: unasked, resolve: unasked, judgeFailures: unasked, ...evaluator },
    bundleByDigest,
  });
}

const plan = planOf([planned('a', { priority_weight: 2 }), planned('b')]);
const withThird = planOf([planned('a'), planned('b'), planned('c')]);
const apart = [success('a', 'toxic', 0.9), success('b', 'clean', 0.6)];
const ask = (decide: ReturnType<typeof decideWith>, results: readonly DetectorResult[], of: Plan = plan) =>
  decide({ plan: of, members: [{ request_id: 'r', coverage: 0.5, results }] });

describe('decide', () => {
  it('shows coverage each result, and conflict the outputs of successes with their weights', async () => {
    const seen: (CoverageInput | ConflictInput)[] = [];
    const decide = decideWith({
      cover: async (_bundle, input) => (
        seen.push(input),
        { kind: 'decision', value: { coverage_met: true }, raw: {} }
      ),
      resolve: async (_bundle, input) => (
        seen.push(input),
        { kind: 'decision', value: { tie_breaker: 'alphabetical' }, raw: {} }
      ),
    });
    const results = [...apart, failure('c', 'http_5xx')];
    expect(await ask(decide, results)).toEqual({
      r: { coverage: { coverage_met: true }, conflict: { tie_breaker: 'alphabetical' }, failed: false },
    });
    const about = { tenant_id: 'acme', policy_bundle: 'default', policy: bundle.policy };
    expect(seen).toEqual([
      {
        ...about,
        coverage_method: 'required_set',
        coverage_achieved: 0.5,
        threshold: 0.8,
        results: [
          { detector: 'a', status: 'success' },
          { detector: 'b', status: 'success' },
          { detector: 'c', status: 'failed' },
        ],
      },
      {
        ...about,
        content_type: 'text',
        detector_outputs: [
          { detector: 'a', output: 'toxic', confidence: 0.9 },
          { detector: 'b', output: 'clean', confidence: 0.6 },
        ],
        weights: { a: 2, b: 1 },
      },
    ]);
  });

  it('weighs by coverage where coverage is weighted, as the strategies do', async () => {
    const weights: unknown[] = [];
    const decide = decideWith({
      resolve: async (_bundle, input) => (weights.push(input.weights), { kind: 'no_rule' }),
    });
    const detectors = [planned('a', { coverage_weight: 0.7 }), planned('b', { coverage_weight: 0.3 })];
    const weighted = planOf(detectors);
    await ask(decide, apart, {
      ...weighted,
      coverage: { ...weighted.coverage, method: 'weighted_coverage' },
    });
    expect(weights).toEqual([{ a: 0.7, b: 0.3 }]);
  });

  it('asks for no conflict where outputs agree', async () => {
    const decide = decideWith({ resolve: async () => trapped });
    const agreed = [success('a', 'toxic'), success('b', 'toxic')];
    expect(await ask(decide, agreed)).toEqual({ r: { coverage: null, conflict: null, failed: false } });
  });

  it.each([
    ['coverage', { cover: async () => trapped }],
    ['conflict', { resolve: async () => trapped }],
    ['failure', { judgeFailures: async () => trapped }],
  ])('a failing %s rule leaves it to the static rules, marked', async (_rule, evaluator) => {
    expect(await ask(decideWith(evaluator), [...apart, failure('c', 'http_5xx')], withThird)).toEqual({
      r: { coverage: null, conflict: null, failed: true },
    });
  });

  it('tells a rule that gave no usable answer from one that could not be asked', async () => {
    const invalid = { kind: 'failed', reason: 'invalid', detail: '' } as const;
    const of = async (cover: typeof invalid | typeof trapped) =>
      (await ask(decideWith({ cover: async () => cover }), apart))['r'];
    expect(await of(invalid)).toEqual({ coverage: null, conflict: null, failed: true, invalid: true });
    expect(await of(trapped)).not.toHaveProperty('invalid');
  });

  it('fails one member without the others', async () => {
    let turn = 0;
    const decide = decideWith({ cover: async () => (turn++ === 0 ? trapped : { kind: 'no_rule' }) });
    const members = ['r1', 'r2'].map((request_id) => ({ request_id, coverage: 1, results: apart }));
    const decided = await decide({ plan, members });
    expect([decided['r1']?.failed, decided['r2']?.failed]).toEqual([true, false]);
  });

  it('shows failures of those that were to judge with what the static rules make of them', async () => {
    const seen: FailureInput[] = [];
    const decide = decideWith({
      judgeFailures: async (_bundle, input) => (
        seen.push(input),
        { kind: 'decision', value: { actions: { b: 'human_review' } }, raw: {} }
      ),
    });
    const failing = { ...planOf([planned('a'), planned('b', { taxonomy_categories: ['PII'] })]) };
    const rules = [{ causes: ['outage' as const], action: 'secondary' as const }];
    const results = [success('a', 'clean'), failure('b', 'http_5xx')];
    const decided = await ask(decide, results, { ...failing, failure_rules: rules });
    expect(decided['r']).toMatchObject({ failure: { actions: { b: 'human_review' } }, failed: false });
    expect(seen).toMatchObject([
      {
        failures: [
          { detector: 'b', cause: 'outage', taxonomy_categories: ['PII'], static_action: 'secondary' },
        ],
      },
    ]);
    await ask(decide, [success('a', 'clean'), success('b', 'clean')], failing);
    expect(seen).toHaveLength(1);
  });

  it('decides by the bundle that was planned by, whichever is active', async () => {
    const digests: string[] = [];
    const decide = decideWith({}, (digest) => (digests.push(digest), Promise.resolve(bundle)));
    await ask(decide, apart);
    expect(digests).toEqual([plan.policy_digest]);
  });

  it('marks every member where nobody has the bundle, and asks again the next time', async () => {
    let asked = 0;
    const decide = decideWith({}, () => (asked++, Promise.resolve(null)));
    const undecided = { r: { coverage: null, conflict: null, failed: true } };
    expect([await ask(decide, apart), await ask(decide, apart), asked]).toEqual([undecided, undecided, 2]);
  });
});
