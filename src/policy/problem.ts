/** What is wrong, for machines; OPA's own `rego_*` codes are among them. */
export type ProblemCode =
  // files
  | 'missing_file'
  | 'invalid_name'
  | 'name_mismatch'
  | 'not_utf8'
  | 'too_large'
  | 'too_many_files'
  | 'too_deep'
  | 'path_outside'
  | 'symlink'
  | 'unused_rego'
  | 'no_rego'
  | 'cannot_load'
  // policy.yaml
  | 'yaml_syntax'
  | 'yaml_aliases'
  | 'duplicate_key'
  | 'reserved_key'
  | 'unknown_key'
  | 'missing_key'
  | 'invalid_value'
  | 'unknown_strategy'
  | 'weights_not_normalized'
  | 'dependency_cycle'
  // Rego
  | 'forbidden_builtin'
  | 'no_decision'
  | 'invalid_decision'
  | 'decision_trap'
  | 'decision_slow'
  | `rego_${string}`
  // fixtures and coverage
  | 'fixture_invalid'
  | 'fixture_failed'
  | 'coverage_too_low'
  // only ever warnings
  | 'unreachable_rule'
  | 'unreachable_detector'
  | 'unreachable_threshold'
  | 'without_effect'
  | 'duplicate_name'
  | 'unknown_category'
  | 'unknown_input'
  | 'never_true'
  | 'undefined_decision'
  | 'no_tests'
  | 'bundle_conflict';

/** One thing wrong with a bundle, where it can be found. */
export interface PolicyProblem {
  readonly code: ProblemCode;
  /** Relative to the bundle's folder. */
  readonly file: string;
  /** From 1; null where the fault has no place in the text. */
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
  /** JSON pointer of the static field at fault. */
  readonly path?: string;
}

export function problem(file: string, message: string, code: ProblemCode = 'cannot_load'): PolicyProblem {
  return { code, file, line: null, column: null, message };
}

/** `policy.rego:3:5: undefined function foo`; of the bundle as a whole only what is wrong. */
export function formatProblem({ file, line, column, message }: PolicyProblem): string {
  if (file === '.') return message;
  return [file, line, column].filter((part) => part !== null).join(':') + `: ${message}`;
}

/** RFC 6901. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** For `catch`: what is wrong with the bundle. @throws whatever else was thrown */
export function compileProblems(error: unknown): readonly PolicyProblem[] {
  if (error instanceof PolicyCompileError) return error.problems;
  throw error;
}

/** A bundle cannot be used; `problems` says why, at least once. */
export class PolicyCompileError extends Error {
  override readonly name = 'PolicyCompileError';

  constructor(readonly problems: readonly PolicyProblem[]) {
    super(problems.map(formatProblem).join('\n'));
  }
}
