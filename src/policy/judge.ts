import { type Bundle, type DecisionName } from './bundle';
import type { Candidate } from './candidate';
import { fixtureFault } from './fixtures';
import { judgeRego } from './judge-rego';
import type { PolicyCompiler } from './policy-compiler';
import { policyFile } from './policy-file';
import { jsonPointer, type PolicyProblem, problem } from './problem';
import type { RegoCoverage } from './rego-tests';
import { lintPolicy, namedDetectors, type Surroundings } from './static-lint';

export interface JudgeOptions extends Surroundings {
  readonly compiler: Pick<PolicyCompiler, 'compile' | 'program'>;
  /** Whether the tests' coverage is measured, and what it must reach in percent. */
  readonly coverage?: { readonly threshold: number } | undefined;
  /** When the slow part begins; absent: at once. */
  readonly inTurn?: <T>(work: () => Promise<T>) => Promise<T>;
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

/** A verdict, and what it is about; null where the Rego does not compile. */
export interface Judged {
  readonly judgement: Judgement;
  readonly bundle: Bundle | null;
}

/**
 * Judges static fields, the detectors they name, Rego, its tests and fixtures, and how it takes what will come.
 * @throws OpaUnavailable
 */
export async function judge(candidate: Candidate, options: JudgeOptions): Promise<Judged> {
  const { policy, sources } = candidate;
  const known = options.detectors && new Set(options.detectors.map(({ name }) => name));
  const missing = namedDetectors(policy).filter((name) => known?.has(name) === false);
  const staticRemarks = remarksOn(candidate, options);
  const inTurn = options.inTurn ?? ((work) => work());
  const rego =
    sources.length === 0
      ? await withoutRego(candidate, options)
      : await inTurn(() => judgeRego(candidate, options));
  const errors = [...staticRemarks.errors, ...rego.errors];
  return {
    judgement: {
      version: policy.version,
      ok: errors.length === 0 && missing.length === 0,
      errors,
      warnings: [...staticRemarks.warnings, ...rego.warnings],
      missing_detectors: missing,
      rules: rego.rules,
      compilation: rego.compilation,
      coverage: rego.coverage,
    },
    bundle: rego.bundle,
  };
}

/** The part of a judgement that is on the Rego. */
export type RegoJudgement = Pick<Judgement, 'errors' | 'warnings' | 'rules' | 'compilation' | 'coverage'> & {
  readonly bundle: Bundle | null;
};

async function withoutRego(candidate: Candidate, options: JudgeOptions): Promise<RegoJudgement> {
  return {
    errors: candidate.fixtures.flatMap((fixture) => fixtureFault(fixture, { kind: 'no_rule' }) ?? []),
    warnings: [],
    rules: [],
    compilation: null,
    coverage: null,
    bundle: await options.compiler.compile(candidate),
  };
}

function remarksOn({ policy, placeOf }: Candidate, surroundings: Surroundings) {
  const remarks = lintPolicy(policy, surroundings).map(({ severity, path, code, message }) => ({
    severity,
    fault: {
      ...problem(policyFile, `${path.join('.')}: ${message}`, code),
      ...placeOf(path),
      path: jsonPointer(path),
    },
  }));
  const faultsOf = (wanted: string) =>
    remarks.filter(({ severity }) => severity === wanted).map(({ fault }) => fault);
  return { errors: faultsOf('error'), warnings: faultsOf('warning') };
}
