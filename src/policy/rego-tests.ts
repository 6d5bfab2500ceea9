import { z } from 'zod';
import type { RegoSource } from './bundle';
import { problemsOfText } from './compile';
import { withOpaWorkspace } from './opa';
import { type PolicyProblem } from './problem';
import { readRegoSources } from './rego-sources';

export interface RegoTestReport {
  readonly run: number;
  readonly failed: number;
  /** Failed tests, or the faults that kept the tests from running. */
  readonly problems: readonly PolicyProblem[];
}

const testOutputSchema = z
  .array(
    z.object({
      name: z.string(),
      location: z.object({ file: z.string(), row: z.number(), col: z.number() }),
      fail: z.boolean().optional(),
      error: z.unknown().optional(),
      skip: z.boolean().optional(),
    }),
  )
  .nullable();

/** Runs the `test_` rules of all `.rego` files under a bundle's folder. */
export async function runRegoTests(dir: string, opaPath: string): Promise<RegoTestReport> {
  return testRego(opaPath, await readRegoSources(dir, '.', 'with tests'));
}

/** As {@link runRegoTests}, with the sources at hand. */
export async function testRego(opaPath: string, sources: readonly RegoSource[]): Promise<RegoTestReport> {
  if (sources.length === 0) return { run: 0, failed: 0, problems: [] };
  const { stdout, stderr } = await withOpaWorkspace(opaPath, sources, (workspace) =>
    workspace.run('test', '--format', 'json'),
  );
  const output = parseOutput(stdout);
  if (output === undefined) return { run: 0, failed: 0, problems: problemsOfText(stderr || stdout, sources) };
  const run = output.filter(({ skip }) => !skip);
  const failed = run.filter(({ fail, error }) => fail || error);
  return {
    run: run.length,
    failed: failed.length,
    problems: failed.map(({ name, location: { file, row, col } }) => ({
      file,
      line: row,
      column: col,
      message: `${name} failed`,
    })),
  };
}

function parseOutput(stdout: string) {
  try {
    return testOutputSchema.parse(JSON.parse(stdout)) ?? [];
  } catch {
    return undefined;
  }
}
