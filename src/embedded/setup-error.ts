/** Something on this machine keeps Conclave from starting; `remedy` is what the reader can type or change. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  constructor(
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(`${problem}\n  Remedy: ${remedy}`);
  }
}

/** One line of progress for the person at the terminal. */
export type Progress = (line: string) => void;
