import fc from 'fast-check';
import type { DetectorResult } from '../../../src/contract/detector-result';
import { type EndedRunRecord, endedRunSchema } from '../../../src/contract/ended-run';
import { type PlanRecord, planRecordSchema } from '../../../src/contract/explanation';
import type { RequestAbout } from '../../../src/contract/plan';
import type { DetectorRegistration } from '../../../src/contract/registration';
import { resolveConflict } from '../../../src/domain/conflict';
import { planRecord } from '../../../src/domain/considered';
import { coverageOf } from '../../../src/domain/coverage';
import { decidedOutcome } from '../../../src/domain/decided-outcome';
import { endedRunRecord } from '../../../src/domain/ended-run';
import { outcomeOf, secondariesStoodIn } from '../../../src/domain/outcome';
import { planFor } from '../../../src/domain/plan';
import { replayed } from '../../../src/domain/replay';
import { hasJudged } from '../../../src/domain/results';
import { compared } from '../../../src/domain/simulation-comparison';
import { planningInput } from '../../../src/planning/planning-input';
import { Replayer, type ReplayerDependencies } from '../../../src/planning/replayer';
import { type Bundle, noRules } from '../../../src/policy/bundle';
import { failure, policy, registration, requestId, success } from '../domain/support';

const settings = {
  mappingEnabled: true,
  mapperBudgetMs: 500,
  maxConcurrentDetectors: 10,
  versionInfo: { taxonomy: '1', frameworks: '1', model: 'none' },
};
const noRule = { kind: 'no_rule' } as const;
const unasked: ReplayerDependencies['evaluator'] = {
  select: async () => noRule,
  route: async () => noRule,
  cover: async () => noRule,
  resolve: async () => noRule,
  judgeFailures: async () => noRule,
};
const registrations = [
  registration('a', { capabilities: { taxonomy_categories: ['PII'] } }),
  registration('b', { fallback: { strategy: 'alternate', detector: 'd' }, label_severity: { toxic: 50 } }),
  registration('c', { depends_on: ['a'] }),
  registration('d', { capabilities: { taxonomy_categories: ['HARM'] } }),
];

function bundleWith(fields: Record<string, unknown>, rules = noRules): Bundle {
  return { policy: policy(fields), digest: JSON.stringify(fields), wasm: null, rules };
}

/** A run as it would have been under a bundle, where every detector says what it is given to say. */
function lived(bundle: Bundle, said: readonly DetectorResult[], about?: RequestAbout) {
  const asked = {
    tenant_id: 'acme',
    policy_bundle: 'default',
    environment: 'prod',
    content_type: 'text',
    priority: 'normal',
    required_detectors: about?.required_detectors,
    excluded_detectors: about?.excluded_detectors,
  } as const;
  const input = planningInput(bundle, asked, registrations, { selection: noRule, routing: noRule }, settings);
  const plan = planFor(input);
  const run = { results: said, contentLength: 20, unavailable: [], deadlineCut: false };
  const { results } = replayed(plan, run);
  const coverage = coverageOf(plan, results);
  const conflict = results.some(hasJudged) ? resolveConflict(plan, results, null) : null;
  const verdict = outcomeOf({
    plan,
    results,
    coverage,
    coverageDecision: null,
    policyFallback: false,
    secondariesStoodIn: secondariesStoodIn(plan, results),
    mapping: { kind: 'mapped' },
    aggregationFailed: false,
    deadlineCut: false,
  });
  const record = endedRunRecord({
    plan,
    planDigest: 'p',
    member: { content_length: 20, health_status: {}, ...(about && { about }) },
    results,
    deadlineCut: false,
    outcome: decidedOutcome({
      plan,
      results,
      coverage,
      coverageDecision: null,
      conflict,
      policyFallback: false,
      verdict,
    }),
  });
  return {
    // As both come back from the store.
    record: endedRunSchema.parse(JSON.parse(JSON.stringify(record))),
    plan: planRecordSchema.parse(JSON.parse(JSON.stringify(planRecord(plan, input)))),
  };
}

async function replay(
  candidate: Bundle,
  run: { readonly record: EndedRunRecord; readonly plan: PlanRecord | null },
  overrides: Partial<ReplayerDependencies> = {},
) {
  const replayer = new Replayer({
    bundle: candidate,
    evaluator: unasked,
    planOf: async () => run.plan,
    registered: registrations,
    settings,
    ...overrides,
  });
  return compared(run.record.outcome, await replayer.replay(requestId, run.record));
}

const now = bundleWith({ required_detectors: ['a', 'b'] });
const a = success('a', 'clean', 0.9);
const toxic = success('b', 'toxic', 0.7);

describe('replaying a run through a candidate', () => {
  it('finds no change under the policy that the run had', async () => {
    expect(await replay(now, lived(now, [a, toxic]))).toMatchObject({ changes: [], unknown: null });
  });

  it('finds what another strategy makes of it', async () => {
    const strict = bundleWith({ required_detectors: ['a', 'b'], conflict_resolution: 'most_restrictive' });
    const { changes, before, after } = await replay(strict, lived(now, [a, toxic]));
    expect(changes).toEqual(['flipped']);
    expect([before.verdict.label, after!.verdict.label]).toEqual(['clean', 'toxic']);
  });

  it('leaves open what a detector would have found that was not asked then', async () => {
    const more = bundleWith({ required_detectors: ['a', 'b', 'd'] });
    const { changes, added, unknown } = await replay(more, lived(now, [a, toxic]));
    expect([changes, added]).toEqual([['unknown', 'routing_changed'], ['d']]);
    expect(unknown).toMatchObject({ reason: 'detector_did_not_look', detectors: ['d'] });
  });

  it('plans with detectors as they were, and with those that were registered since', async () => {
    const changed = [
      registration('a', { capabilities: { supported_content_types: ['image'] } }),
      registration('new'),
    ];
    const more = bundleWith({ required_detectors: ['a', 'b', 'new'] });
    const { unknown } = await replay(more, lived(now, [a, toxic]), { registered: changed });
    expect(unknown).toMatchObject({ detectors: ['new'] });
    expect(await replay(now, lived(now, [a, toxic]), { registered: [] })).toMatchObject({ changes: [] });
  });

  it('asks for what the request asked for, and leaves out what it excluded', async () => {
    const about = { required_detectors: ['d'], excluded_detectors: ['b'] };
    const run = lived(now, [a, toxic, success('d', 'clean', 0.8)], about);
    const comparison = await replay(now, run);
    expect(comparison).toMatchObject({ changes: [], before: { asked: ['a', 'd'], status: 206 } });
  });

  it('knows nothing of a run whose plan is not on record as it was', async () => {
    const run = lived(now, [a, toxic]);
    const { registrations: _gone, ...older } = run.plan;
    for (const plan of [null, older]) {
      expect((await replay(now, { ...run, plan })).unknown).toMatchObject({ reason: 'plan_not_recorded' });
    }
  });

  it('can make no plan of detectors that wait for each other', async () => {
    const run = lived(now, [a, toxic]);
    const circle = run.plan.registrations!.map((one) => ({
      ...one,
      depends_on: one.name === 'a' ? ['c'] : one.depends_on,
    }));
    const both = bundleWith({ required_detectors: ['a', 'c'] });
    const comparison = await replay(both, { ...run, plan: { ...run.plan, registrations: circle } });
    expect(comparison.unknown).toMatchObject({ reason: 'no_plan' });
  });

  it('shows the rules what the request was like, and hears what they deny', async () => {
    const seen: unknown[] = [];
    const denying = {
      ...unasked,
      select: async (_bundle: Bundle, input: object) => {
        seen.push(input);
        const value = { selected_detectors: [], allow: false };
        return { kind: 'decision' as const, value, raw: value };
      },
    };
    const { after } = await replay(now, lived(now, [a, toxic]), { evaluator: denying });
    expect(after!.verdict.kind).toBe('refused');
    expect(seen).toEqual([
      expect.objectContaining({
        environment: 'prod',
        content_length: 20,
        priority: 'normal',
        candidate_detectors: registrations.map(({ name }) =>
          expect.objectContaining({ name, healthy: true }),
        ),
      }),
    ]);
  });

  it('routes by what the content was like only where that is on record', async () => {
    const routing = bundleWith({ required_detectors: ['a', 'b'] }, { ...noRules, routing: true });
    expect((await replay(routing, lived(now, [a, toxic]))).unknown).toMatchObject({
      reason: 'content_analysis_not_recorded',
    });
    const analysis = { length: 20, mime: 'text/plain', language: 'en', script: 'Latin', code_share: 0 };
    const seen: object[] = [];
    const evaluator = {
      ...unasked,
      route: async (_bundle: Bundle, input: { content: object }) => {
        seen.push(input.content);
        const value = { add_detectors: ['d'] };
        return { kind: 'decision' as const, value, raw: value };
      },
    };
    const comparison = await replay(routing, lived(now, [a, toxic], { analysis }), { evaluator });
    expect(comparison.added).toEqual(['d']);
    expect(seen).toEqual([analysis]);
  });

  it('says that static fields stood in where a rule fails', async () => {
    const evaluator = {
      ...unasked,
      select: async () => ({ kind: 'failed' as const, reason: 'trap' as const, detail: 'unreachable' }),
    };
    expect((await replay(now, lived(now, [a, toxic]), { evaluator })).changes).toEqual(['fell_back']);
  });

  it('finds no change under the policy that a run had, whatever policy and whatever came of it', async () => {
    const names = registrations.map(({ name }: DetectorRegistration) => name);
    const results = fc.tuple(
      ...names.map((name) =>
        fc.constantFrom(
          success(name, 'clean', 0.6),
          success(name, 'toxic', 0.9),
          success(name, 'a quoted text', 0.5),
          failure(name, 'network_error', 3, 'outage'),
          failure(name, 'attempt_timeout', 3, 'timeout'),
          failure(name, 'http_4xx', 3, 'bad_request'),
        ),
      ),
    );
    const bundles = fc
      .record({
        required: fc.subarray(names, { minLength: 1 }),
        optional: fc.subarray(names),
        conflict_resolution: fc.constantFrom(null, 'most_restrictive', 'majority_vote', 'highest_confidence'),
        failure_policy: fc.constantFrom(undefined, [{ action: 'fail_open' }], [{ action: 'human_review' }]),
      })
      .map(({ required, optional, ...rest }) =>
        bundleWith({
          required_detectors: required,
          optional_detectors: optional.filter((name) => !required.includes(name)),
          ...rest,
        }),
      );
    await fc.assert(
      fc.asyncProperty(bundles, results, async (bundle, said) => {
        expect(await replay(bundle, lived(bundle, said))).toMatchObject({ changes: [], unknown: null });
      }),
    );
  });
});
