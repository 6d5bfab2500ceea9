import fc from 'fast-check';
import { type DecidedOutcome, decidedOutcomeSchema } from '../../../src/contract/decided-outcome';
import type { DetectorResult } from '../../../src/contract/detector-result';
import type { Plan } from '../../../src/contract/plan';
import type { RegoDecisions } from '../../../src/contract/rego-decisions';
import { type SimulationReport, simulationReportSchema } from '../../../src/contract/simulation-report';
import { resolveConflict } from '../../../src/domain/conflict';
import { coverageOf } from '../../../src/domain/coverage';
import { decidedOutcome, refusedOutcome } from '../../../src/domain/decided-outcome';
import { outcomeOf, secondariesStoodIn } from '../../../src/domain/outcome';
import { replayed } from '../../../src/domain/replay';
import { hasJudged } from '../../../src/domain/results';
import { simulatedOutcome } from '../../../src/domain/simulated-outcome';
import { compared, type Comparison, type Simulated } from '../../../src/domain/simulation-comparison';
import { emptyReport, ReportBuilder, type ReplayedRecord } from '../../../src/domain/simulation-report';
import { failure, planned, planOf, requestId, runs, success } from './support';

const undecided: RegoDecisions = { coverage: null, conflict: null, failed: false };

function simulate(plan: Plan, results: readonly DetectorResult[], decisions = undecided): Simulated {
  const replay = replayed(plan, { results, contentLength: 10, unavailable: [], deadlineCut: false });
  const outcome = simulatedOutcome(plan, replay, decisions, { requestId, deadlineCut: false });
  return { kind: 'decided', outcome, unknown: replay.unknown };
}

/** As `publish` has it. */
function lived(plan: Plan, results: readonly DetectorResult[]): DecidedOutcome {
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
  return decidedOutcome({
    plan,
    results,
    coverage,
    coverageDecision: null,
    conflict,
    policyFallback: false,
    verdict,
  });
}

const a = success('a', 'clean', 0.9);
const b = success('b', 'toxic', 0.7);
const both = planOf([planned('a'), planned('b')]);
const strict: Plan = {
  ...both,
  conflict: { strategy: 'most_restrictive', decided_by: 'bundle', benign_labels: ['clean'] },
};

describe('what a run came to', () => {
  it('is the winner where detectors disagree', () => {
    expect(lived(both, [a, b])).toEqual({
      verdict: { kind: 'benign', label: 'clean', detector: 'a' },
      status: 200,
      coverage: 1,
      coverage_met: true,
      asked: ['a', 'b'],
      failure_actions: [],
      fell_back: false,
    });
    expect(lived(strict, [a, b]).verdict).toEqual({ kind: 'adverse', label: 'toxic', detector: 'b' });
  });

  it('is what all agree on, or nothing when nobody could say', () => {
    expect(lived(both, [a, success('b', 'CLEAN')]).verdict.kind).toBe('benign');
    expect(lived(planOf([planned('b')]), [b]).verdict).toEqual({
      kind: 'adverse',
      label: 'toxic',
      detector: 'b',
    });
    expect(lived(planOf([planned('b')]), [success('b', ' ')]).verdict).toEqual({
      kind: 'benign',
      label: null,
      detector: null,
    });
    expect(lived(planOf([planned('b')]), [failure('b', 'http_5xx')])).toMatchObject({
      verdict: { kind: 'none', label: null },
      status: 502,
      coverage_met: false,
    });
  });

  it('tells what was made of failures, and is valid by its schema', () => {
    const down = failure('a', 'network_error', 5, 'outage');
    const open: Plan = { ...both, failure_rules: [{ action: 'fail_open' }] };
    const outcome = lived(open, [down, b]);
    expect(outcome).toMatchObject({ status: 200, coverage: 0.5, failure_actions: ['a: fail_open'] });
    expect(decidedOutcomeSchema.parse(outcome)).toEqual(outcome);
  });
});

describe('comparing what was with what would have been', () => {
  const before = lived(both, [a, b]);

  it.each<readonly [string, Plan, Partial<RegoDecisions>, Partial<Comparison>]>([
    ['nothing', both, {}, { changes: [], added: [], removed: [] }],
    ['the verdict', strict, {}, { changes: ['flipped'] }],
    [
      'coverage',
      both,
      { coverage: { coverage_met: false } },
      { changes: ['coverage_lost', 'status_changed'] },
    ],
    ['who is asked', planOf([planned('a')]), {}, { changes: ['routing_changed'], removed: ['b'] }],
    ['that static fields stood in', both, { failed: true }, { changes: ['fell_back'] }],
  ])('tells that a candidate changes %s', (_what, plan, decisions, expected) => {
    expect(compared(before, simulate(plan, [a, b], { ...undecided, ...decisions }))).toMatchObject(expected);
  });

  it('tells another label of the same kind apart from another kind', () => {
    const results = [b, success('a', 'hate', 0.9)];
    const wasHate = lived(both, results);
    const prefersB: RegoDecisions = {
      ...undecided,
      conflict: { resolution_strategy: 'tenant_preference', winning_detector: 'b' },
    };
    expect(compared(wasHate, simulate(both, results, prefersB)).changes).toEqual(['relabeled']);
  });

  it('tells other actions on failures, and coverage that is regained by them', () => {
    const results = [failure('a', 'network_error', 5, 'outage'), b];
    const opened: Plan = { ...both, failure_rules: [{ action: 'fail_open' }] };
    expect(compared(lived(both, results), simulate(opened, results)).changes).toEqual([
      'status_changed',
      'failure_policy_changed',
    ]);
  });

  it('leaves open what a detector that did not look would have found', () => {
    const plan = planOf([planned('a'), planned('b'), planned('new')]);
    expect(compared(before, simulate(plan, [a, b]))).toEqual({
      changes: ['unknown', 'routing_changed'],
      before,
      after: null,
      added: ['new'],
      removed: [],
      unknown: { reason: 'detector_did_not_look', detectors: ['new'], flippedWithoutThem: false },
    });
    const stricter: Plan = { ...plan, conflict: strict.conflict };
    expect(compared(before, simulate(stricter, [a, b])).unknown).toMatchObject({ flippedWithoutThem: true });
  });

  it('knows a refusal, whoever would have looked', () => {
    const comparison = compared(before, { kind: 'decided', outcome: refusedOutcome, unknown: [] });
    expect(comparison.changes).toEqual(['flipped', 'coverage_lost', 'status_changed', 'routing_changed']);
    expect(comparison.unknown).toBeNull();
  });

  it('finds no change at all under the plan that a run had, whatever came of it', () => {
    fc.assert(
      fc.property(runs, ({ plan, results }) => {
        const asked = results.filter(({ status }) => status !== 'skipped');
        const detectors = plan.detectors.filter(({ name }) => asked.some((r) => r.detector === name));
        const own: Plan = { ...plan, detectors };
        const comparison = compared(lived(own, asked), simulate(own, asked));
        expect(comparison.unknown).toBeNull();
        expect(comparison.changes).toEqual([]);
      }),
    );
  });
});

const categoryOf = (_detector: string, label: string) =>
  ({ toxic: 'HARM.Toxicity', pii: 'PII' })[label] ?? null;

const outcomes = fc.record({
  verdict: fc.constantFrom<DecidedOutcome['verdict']>(
    { kind: 'benign', label: 'clean', detector: 'a' },
    { kind: 'adverse', label: 'toxic', detector: 'b' },
    { kind: 'adverse', label: 'odd', detector: 'b' },
    { kind: 'none', label: null, detector: null },
  ),
  status: fc.constantFrom(200, 206, 502),
  coverage: fc.constantFrom(0, 0.5, 1),
  coverage_met: fc.boolean(),
  asked: fc.subarray(['a', 'b', 'c']),
  failure_actions: fc.subarray(['a: fail_open', 'b: fail_closed']),
  fell_back: fc.boolean(),
});
const simulated: fc.Arbitrary<Simulated> = fc.oneof(
  fc.record({
    kind: fc.constant('decided' as const),
    outcome: outcomes,
    unknown: fc.oneof(fc.constant([]), fc.subarray(['new', 'newer'])),
  }),
  fc.record({
    kind: fc.constant('unknown' as const),
    reason: fc.constantFrom('plan_not_recorded' as const, 'no_plan' as const),
  }),
);
const record: fc.Arbitrary<ReplayedRecord> = fc.record({
  requestId: fc.uuid({ version: 4 }),
  contentType: fc.constantFrom('text' as const, 'code' as const),
  suppressed: fc.nat({ max: 3 }),
  comparison: fc.tuple(outcomes, simulated).map(([before, after]) => compared(before, after)),
});

function reportOf(
  records: readonly ReplayedRecord[],
  from: SimulationReport = emptyReport,
): SimulationReport {
  const builder = new ReportBuilder(categoryOf, from);
  for (const one of records) builder.add(one);
  return builder.report;
}

describe('the report of a simulation', () => {
  it('counts by verdict, content type and category', () => {
    const before = lived(both, [a, b]);
    const flipped = compared(before, simulate(strict, [a, b]));
    const same = compared(before, simulate(both, [a, b]));
    const report = reportOf([
      { requestId, contentType: 'text', comparison: flipped, suppressed: 2 },
      { requestId: requestId.replace('8f', '9f'), contentType: 'code', comparison: same, suppressed: 0 },
    ]);
    expect(report).toMatchObject({
      replayed: 2,
      unchanged: 1,
      flipped: 1,
      unknown: 0,
      verdicts: [
        { from: { kind: 'benign', label: 'clean' }, to: { kind: 'adverse', label: 'toxic' }, count: 1 },
      ],
      by_content_type: { text: { replayed: 1, flipped: 1 }, code: { replayed: 1, unchanged: 1 } },
      by_category: { HARM: { replayed: 1, flipped: 1 }, none: { replayed: 1, unchanged: 1 } },
      suppressed: { records: 1, findings: 2 },
      examples: { flipped: [requestId] },
    });
  });

  it('names the detectors that did not look', () => {
    const plan = planOf([planned('a'), planned('b'), planned('new')], { conflict: strict.conflict });
    const comparison = compared(lived(both, [a, b]), simulate(plan, [a, b]));
    const report = reportOf([{ requestId, contentType: 'text', comparison, suppressed: 0 }]);
    expect(report.unknowns).toEqual({
      by_reason: { detector_did_not_look: 1 },
      by_detector: { new: 1 },
      flipped_without_them: 1,
    });
    expect(report).toMatchObject({ replayed: 1, unknown: 1, flipped: 0, verdicts: [] });
    expect(report.detectors).toEqual([{ added: ['new'], removed: [], count: 1 }]);
  });

  it('has room for so many rows, and says how many found none', () => {
    const before = lived(both, [a, b]);
    const records = Array.from({ length: 510 }, (_, i) => ({
      requestId,
      contentType: 'text' as const,
      suppressed: 0,
      comparison: compared(before, {
        kind: 'decided' as const,
        outcome: { ...before, verdict: { kind: 'adverse' as const, label: `l${i}`, detector: 'b' } },
        unknown: [],
      }),
    }));
    const report = reportOf(records);
    expect(report.verdicts).toHaveLength(500);
    expect(report.verdicts_omitted).toBe(10);
  });

  it('is the same in whatever order and pieces the records come, and valid by its schema', () => {
    const shuffled = fc
      .uniqueArray(record, { maxLength: 60, selector: ({ requestId: id }) => id })
      .chain((records) =>
        fc.record({
          records: fc.constant(records),
          other: fc.shuffledSubarray(records, { minLength: records.length }),
          cut: fc.nat({ max: records.length }),
        }),
      );
    fc.assert(
      fc.property(shuffled, ({ records, other, cut }) => {
        const whole = reportOf(records);
        const piecewise = reportOf(other.slice(cut), reportOf(other.slice(0, cut)));
        expect(piecewise).toEqual(whole);
        expect(simulationReportSchema.parse(whole)).toEqual(whole);
        expect(whole.replayed).toBe(records.length);
        for (const ids of Object.values(whole.examples)) expect(ids.length).toBeLessThanOrEqual(20);
      }),
      { numRuns: 100 },
    );
  });
});
