import type { TenantPolicy } from '../contract/policy';
import {
  type Bundle,
  bundleDigest,
  type DecisionName,
  decisionNames,
  isRegoTest,
  type RegoSource,
} from './bundle';
import { compileRego } from './compile';
import { type Fixture, fixtureFault, trialOf } from './fixtures';
import { problemsOf } from './load';
import { type PlaceOf, policyFile } from './policy-file';
import { probesFor, type Trial } from './probes';
import { jsonPointer, type PolicyProblem, problem } from './problem';
import { lintRego, type RegoLint } from './rego-lint';
import { loadRegoModule } from './rego-module';
import { type RegoCoverage, regoCoverage, testRego } from './rego-tests';
import { lintPolicy, namedDetectors, type Surroundings } from './static-lint';
import { type Outcome, runTrials } from './trial';

/** A bundle that has been read and has not been judged yet. */
export interface Candidate {
  readonly policy: TenantPolicy;
  /** Without tests. */
  readonly sources: readonly RegoSource[];
  readonly tests: readonly RegoSource[];
  readonly fixtures: readonly Fixture[];
  readonly placeOf: PlaceOf;
}

export interface JudgeOptions extends Surroundings {
  readonly opaPath: () => Promise<string>;
  /** Whether the tests' coverage is measured, and what it must reach in percent. */
  readonly coverage?: { readonly threshold: number } | undefined;
}

/** The verdict on a bundle (spec/orchestration.md 1.11 `compilation`, 9.4 `policy validate`). */
export interface Judgement {
  readonly version: string | null;
  readonly ok: boolean;
  readonly errors: readonly PolicyProblem[];
  readonly warnings: readonly PolicyProblem[];
  /** Detectors that the policy names and the registry does not know. */
  readonly missing_detectors: readonly string[];
  /** Decisions that the bundle's Rego takes. */
  readonly rules: readonly DecisionName[];
  /** Null for a bundle without Rego, or one whose static fields are already wrong. */
  readonly compilation: {
    readonly ok: boolean;
    readonly errors: readonly PolicyProblem[];
    readonly tests_run: number;
    readonly tests_failed: number;
    readonly fixtures_run: number;
    readonly fixtures_failed: number;
  } | null;
  /** Null unless it was asked for and the tests passed. */
  readonly coverage: RegoCoverage | null;
}

export function unreadable(errors: readonly PolicyProblem[]): Judgement {
  const nothing = { warnings: [], missing_detectors: [], rules: [], compilation: null, coverage: null };
  return { version: null, ok: false, errors, ...nothing };
}

/** Judges static fields, the detectors they name, Rego, its tests and fixtures, and how it takes what will come. */
export async function judge(candidate: Candidate, options: JudgeOptions): Promise<Judgement> {
  const { policy, sources, fixtures, placeOf } = candidate;
  const known = options.detectors && new Set(options.detectors.map(({ name }) => name));
  const missing = namedDetectors(policy).filter((name) => known?.has(name) === false);
  const remarks = lintPolicy(policy, options).map(({ severity, path, code, message }) => ({
    severity,
    fault: {
      ...problem(policyFile, `${path.join('.')}: ${message}`, code),
      ...placeOf(path),
      path: jsonPointer(path),
    },
  }));
  const staticFaults = remarks.filter(({ severity }) => severity === 'error').map(({ fault }) => fault);
  const staticWarnings = remarks.filter(({ severity }) => severity === 'warning').map(({ fault }) => fault);
  if (sources.length === 0) {
    const errors = [
      ...staticFaults,
      ...fixtures.flatMap((fixture) => fixtureFault(fixture, { kind: 'no_rule' }) ?? []),
    ];
    return {
      ...unreadable(errors),
      version: policy.version,
      ok: errors.length === 0 && missing.length === 0,
      warnings: staticWarnings,
      missing_detectors: missing,
    };
  }
  const rego = await judgeRego(candidate, options);
  const errors = [...staticFaults, ...rego.errors];
  return {
    version: policy.version,
    ok: errors.length === 0 && missing.length === 0,
    errors,
    warnings: [...staticWarnings, ...rego.warnings],
    missing_detectors: missing,
    rules: rego.rules,
    compilation: rego.compilation,
    coverage: rego.coverage,
  };
}

type RegoJudgement = Pick<Judgement, 'errors' | 'warnings' | 'rules' | 'coverage'> & {
  readonly compilation: NonNullable<Judgement['compilation']>;
};

async function judgeRego(candidate: Candidate, options: JudgeOptions): Promise<RegoJudgement> {
  const { policy, sources, fixtures } = candidate;
  const opaPath = await options.opaPath().catch(problemsOf);
  if (typeof opaPath !== 'string') return uncompiled(opaPath);
  const wasm = await compileRego(opaPath, sources).catch(problemsOf);
  if (!(wasm instanceof Uint8Array)) return uncompiled(wasm);
  const bundle: Bundle = {
    policy,
    digest: bundleDigest(policy, sources),
    wasm,
    rules: loadRegoModule(wasm).rules,
  };
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
      ...tooLittle(coverage, options.coverage?.threshold ?? 0),
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
  return { errors, warnings: [], rules: [], coverage: null, compilation: { ok: false, errors, ...none } };
}

function tooLittle(coverage: RegoCoverage | null, threshold: number): PolicyProblem[] {
  if (coverage === null || coverage.percent >= threshold) return [];
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
