import { z } from 'zod';
import { isRegoTest, type RegoSource } from './bundle';
import { problemsOfCheck, problemsOfText } from './compile';
import { type OpaWorkspace, parsedAs, withOpaWorkspace } from './opa';
import { type PolicyProblem, problem } from './problem';
import type { Trial } from './probes';
import { readRegoSources } from './rego-sources';
import type { OpaOutput } from './run-opa';

/** A test that takes longer has failed. */
const testTimeout = '5s';

export interface RegoTestReport {
  readonly run: number;
  readonly failed: number;
  /** Failed tests, or the faults that kept the tests from running. */
  readonly problems: readonly PolicyProblem[];
}

/** How much of the rules the tests and fixtures ran through. */
export interface RegoCoverage {
  /** Of lines that can run, 0 to 100. */
  readonly percent: number;
  readonly files: readonly {
    readonly file: string;
    readonly percent: number;
    readonly not_covered: readonly number[];
  }[];
}

const testOutputSchema = z
  .array(
    z.object({
      name: z.string(),
      location: z.object({ file: z.string(), row: z.number(), col: z.number() }),
      fail: z.boolean().optional(),
      error: z.object({ message: z.string() }).partial().optional(),
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
  const { output, problems } = await withOpaWorkspace(opaPath, sources, async (workspace) => {
    const said = await workspace.run('test', '--timeout', testTimeout, '--format', 'json');
    const results = parsedAs(said.stdout, testOutputSchema);
    const faults = results === undefined ? await whyNotRun(workspace, said, sources) : [];
    return { output: results, problems: faults };
  });
  if (output === undefined) return { run: 0, failed: 0, problems };
  const run = (output ?? []).filter(({ skip }) => !skip);
  const failed = run.filter(({ fail, error }) => fail || error);
  return {
    run: run.length,
    failed: failed.length,
    problems: failed.map(({ name, error, location: { file, row, col } }) => ({
      code: 'rego_test_failed',
      file,
      line: row,
      column: col,
      message:
        error?.message === undefined ? `${name} failed` : `${name} failed: ${firstLine(error.message)}`,
    })),
  };
}

async function whyNotRun(
  workspace: OpaWorkspace,
  { exhausted, stdout, stderr }: OpaOutput,
  sources: readonly RegoSource[],
): Promise<PolicyProblem[]> {
  if (exhausted) {
    const tests = sources.find(({ path }) => isRegoTest(path)) ?? sources[0];
    return [
      problem(tests?.path ?? '.', 'the tests need more memory than tests may have', 'rego_test_failed'),
    ];
  }
  const check = await workspace.run('check', '--format', 'json');
  return check.exitCode === 0 ? problemsOfText(stderr || stdout, sources) : problemsOfCheck(check, sources);
}

const placeSchema = z.object({ row: z.int(), col: z.int() });
const rangesSchema = z.array(z.object({ start: placeSchema, end: placeSchema }));
/** Lines that ran, as OPA reports them. */
export const lineCoverageSchema = z.object({
  files: z.record(
    z.string(),
    z.object({ covered: rangesSchema.default([]), not_covered: rangesSchema.default([]) }),
  ),
});
export type LineCoverage = z.output<typeof lineCoverageSchema>;
const fixtureTests = 'conclave_fixtures_test.rego';

/**
 * Runs tests and fixtures once more and counts the lines of the rules that ran. Null where nothing can be counted, as
 * with failing tests.
 * @param sources with tests
 */
export async function regoCoverage(
  opaPath: string,
  sources: readonly RegoSource[],
  fixtures: readonly Trial[],
): Promise<RegoCoverage | null> {
  const all = [...sources, { path: fixtureTests, text: asTests(fixtures) }];
  const { stdout } = await withOpaWorkspace(opaPath, all, (workspace) =>
    workspace.run('test', '--coverage', '--timeout', testTimeout, '--format', 'json'),
  );
  const output = parsedAs(stdout, lineCoverageSchema);
  if (!output) return null;
  const files = sources
    .filter(({ path }) => !isRegoTest(path))
    .map(({ path }) => {
      const { covered = [], not_covered = [] } = output.files[path] ?? {};
      const ran = linesOf(covered);
      const missed = [...linesOf(not_covered)].filter((row) => !ran.has(row));
      return { path, ran: ran.size, missed };
    })
    .filter(({ ran, missed }) => ran + missed.length > 0);
  const total = files.reduce((sum, { ran, missed }) => sum + ran + missed.length, 0);
  const ran = files.reduce((sum, file) => sum + file.ran, 0);
  return {
    percent: share(ran, total),
    files: files.map(({ path, ran: own, missed }) => ({
      file: path,
      percent: share(own, own + missed.length),
      not_covered: missed.toSorted((a, b) => a - b),
    })),
  };
}

/** A fixture evaluates its decision; whether that is the expected one is judged elsewhere. JSON is Rego. */
function asTests(fixtures: readonly Trial[]): string {
  const tests = fixtures.map(
    ({ decision, input }, index) =>
      `test_${index} if {\n\tdecision := data.orchestration.${decision} with input as ${JSON.stringify(input)}\n\tis_object(decision)\n}\n`,
  );
  return ['package conclave_fixtures_test\n', ...tests].join('\n');
}

function linesOf(ranges: z.output<typeof rangesSchema>): Set<number> {
  return new Set(
    ranges.flatMap(({ start, end }) =>
      Array.from({ length: end.row - start.row + 1 }, (_, index) => start.row + index),
    ),
  );
}

function share(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.floor((part / whole) * 1000) / 10;
}

function firstLine(message: string): string {
  return message.split('\n')[0]!.slice(0, 200);
}
