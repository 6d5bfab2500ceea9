/** One thing wrong with a bundle, where it can be found. */
export interface PolicyProblem {
  /** Relative to the bundle's folder. */
  readonly file: string;
  /** From 1; null where the fault has no place in the text. */
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
}

export function problem(file: string, message: string): PolicyProblem {
  return { file, line: null, column: null, message };
}

/** `policy.rego:3:5: undefined function foo` */
export function formatProblem({ file, line, column, message }: PolicyProblem): string {
  return [file, line, column].filter((part) => part !== null).join(':') + `: ${message}`;
}

/** A bundle cannot be used; `problems` says why, at least once. */
export class PolicyCompileError extends Error {
  override readonly name = 'PolicyCompileError';

  constructor(readonly problems: readonly PolicyProblem[]) {
    super(problems.map(formatProblem).join('\n'));
  }
}
