import { decisionNames, isRegoTest } from './bundle';
import type { Candidate } from './candidate';
import { fixtureFault, trialOf } from './fixtures';
import type { JudgeOptions, RegoJudgement } from './judge';
import { probesFor, type Trial } from './probes';
import { compileProblems, type PolicyProblem, problem } from './problem';
import { lintRego, type RegoLint } from './rego-lint';
import { type RegoCoverage, regoCoverage, testRego } from './rego-tests';
import { type Outcome, runTrials } from './trial';

/** @throws OpaUnavailable */
export async function judgeRego(candidate: Candidate, options: JudgeOptions): Promise<RegoJudgement> {
  const bundle = await options.compiler.compile(candidate).catch(compileProblems);
  if (!('digest' in bundle)) return uncompiled(bundle);
  const { policy, sources, fixtures } = candidate;
  const opaPath = await options.compiler.program();
  const rules = decisionNames.filter((name) => bundle.rules[name]);
  const withTests = [...sources, ...candidate.tests];
  const lint = await lintRego(opaPath, sources, rules);
  const tests = await testRego(opaPath, withTests);
  const asked = fixtures.map((fixture) => trialOf(fixture, policy, options.detectors));
  const probes = rules.flatMap((rule) => probesFor(rule, policy, options.detectors));
  const outcomes = await runTrials(bundle, [...asked, ...probes]);
  const failed = fixtures.flatMap((fixture, index) => fixtureFault(fixture, outcomes[index]!) ?? []);
  const probed = probeRemarks(probes, outcomes.slice(asked.length), lint.places);
  const untested = tests.run + fixtures.length === 0 && tests.problems.length === 0;
  const coverage =
    options.coverage && tests.problems.length === 0 && failed.length === 0
      ? await regoCoverage(opaPath, withTests, asked)
      : null;
  return {
    errors: [
      ...tests.problems,
      ...failed,
      ...probed.errors,
      ...tooLittle(coverage, tests.problems.length + failed.length === 0 ? options.coverage : undefined),
    ],
    warnings: [
      ...lint.warnings,
      ...probed.warnings,
      ...notInForce(candidate),
      ...(untested ? [problem('.', 'the Rego has no tests', 'no_tests')] : []),
    ],
    rules,
    compilation: {
      ok: true,
      errors: [],
      tests_run: tests.run,
      tests_failed: tests.failed,
      fixtures_run: fixtures.length,
      fixtures_failed: failed.length,
    },
    coverage,
    bundle,
  };
}

function notInForce({ policy, tests }: Candidate): PolicyProblem[] {
  return tests
    .filter(({ path }) => !isRegoTest(path))
    .map(({ path }) =>
      problem(path, `is not in force: rego_policy_path is ${policy.rego_policy_path}`, 'unused_rego'),
    );
}

function uncompiled(errors: readonly PolicyProblem[]): RegoJudgement {
  const none = { tests_run: 0, tests_failed: 0, fixtures_run: 0, fixtures_failed: 0 };
  return {
    errors,
    warnings: [],
    rules: [],
    coverage: null,
    compilation: { ok: false, errors, ...none },
    bundle: null,
  };
}

/** What could not be measured has not been reached. */
function tooLittle(coverage: RegoCoverage | null, wanted: JudgeOptions['coverage']): PolicyProblem[] {
  const threshold = wanted?.threshold ?? 0;
  if (threshold === 0 || (coverage !== null && coverage.percent >= threshold)) return [];
  if (coverage === null)
    return [
      problem('.', `the coverage cannot be measured, so ${threshold} % are not reached`, 'coverage_too_low'),
    ];
  const gaps = coverage.files
    .filter(({ not_covered: lines }) => lines.length > 0)
    .map(({ file, not_covered: lines }) => `${file}: ${lines.join(', ')}`);
  const message = `tests and fixtures run through ${coverage.percent} % of the rules, less than ${threshold} %; not through ${gaps.join('; ')}`;
  return [problem('.', message, 'coverage_too_low')];
}

/** What a rule does with inputs that it will see: never usable is an error, sometimes unusable a warning. */
function probeRemarks(probes: readonly Trial[], outcomes: readonly Outcome[], places: RegoLint['places']) {
  const errors: PolicyProblem[] = [];
  const warnings: PolicyProblem[] = [];
  for (const decision of decisionNames) {
    const seen = probes.flatMap((probe, index) =>
      probe.decision === decision ? [[probe, outcomes[index]!] as const] : [],
    );
    const place = places[decision] ?? { file: '.', line: null, column: null };
    const failures = seen.flatMap(([probe, outcome]) =>
      outcome.kind === 'failed' ? [{ ...outcome, name: probe.name }] : [],
    );
    const undefinedFor = failures.filter(({ detail }) => detail === undefinedDetail);
    const others = failures.filter(({ detail }) => detail !== undefinedDetail);
    if (undefinedFor.length > 0) {
      const all = undefinedFor.length === seen.length;
      const which = all ? 'any input that was tried' : undefinedFor[0]!.name;
      const message = `${decision} has no value for ${which}: static fields decide there, and the answer says so`;
      warnings.push({ code: 'undefined_decision', ...place, message });
    }
    const [first] = others;
    if (!first) continue;
    const code = failureCodes[first.reason];
    const message = `${decision} fails for ${first.name}: ${first.detail}`;
    const never = undefinedFor.length + others.length === seen.length;
    (never || code !== 'invalid_decision' ? errors : warnings).push({ code, ...place, message });
  }
  return { errors, warnings };
}

const failureCodes = {
  trap: 'decision_trap',
  slow: 'decision_slow',
  invalid: 'invalid_decision',
  unavailable: 'invalid_decision',
} as const;

/** As the evaluator says it. */
const undefinedDetail = 'the rule is undefined for this input';
