import { z } from 'zod';
import { type DecisionName, decisionNames, type RegoSource } from './bundle';
import { metered } from './fuel';
import { type OpaWorkspace, parsedAs, withOpaWorkspace } from './opa';
import { PolicyCompileError, type PolicyProblem, problem, type ProblemCode } from './problem';
import type { OpaOutput } from './run-opa';
import { readTarGzEntry } from './tar';

const archive = 'bundle.tar.gz';

/**
 * Compiles the rules `data.orchestration.*` that are decisions, as far as the sources define them, to one WASM module
 * that counts its steps.
 * @param opaPath the `opa` program
 * @param sources without tests
 * @throws PolicyCompileError with file, line and column of each fault; OpaUnavailable
 */
export async function compileRego(opaPath: string, sources: readonly RegoSource[]): Promise<Uint8Array> {
  return withOpaWorkspace(opaPath, sources, async (workspace) => {
    const problems = await checkRego(workspace, sources);
    if (problems.length > 0) throw new PolicyCompileError(problems);
    await buildModule(workspace, sources);
    return metered(readTarGzEntry(await workspace.read(archive), 'policy.wasm'));
  });
}

/** Compiles in strict mode, which also refuses unused and shadowing names; an empty list means the sources are sound. */
async function checkRego(workspace: OpaWorkspace, sources: readonly RegoSource[]): Promise<PolicyProblem[]> {
  const output = await workspace.run('check', '--strict', '--format', 'json');
  return output.exitCode === 0 ? [] : problemsOfCheck(output, sources);
}

async function buildModule(workspace: OpaWorkspace, sources: readonly RegoSource[]): Promise<void> {
  let decisions: readonly DecisionName[] = decisionNames;
  while (decisions.length > 0) {
    const entrypoints = decisions.flatMap((decision) => ['--entrypoint', `orchestration/${decision}`]);
    const output = await workspace.run('build', '--target', 'wasm', '--output', archive, ...entrypoints);
    if (output.exitCode === 0) return;
    if (output.exhausted) throw new PolicyCompileError([tooLarge(sources)]);
    const complaint = output.stderr || output.stdout;
    // OPA has no way to ask whether a rule exists other than to name it as an entry point.
    const [, absent] = /entrypoint "orchestration\/(\w+)" does not refer to a rule/.exec(complaint) ?? [];
    if (absent === undefined) throw new PolicyCompileError(problemsOfText(complaint, sources));
    decisions = decisions.filter((decision) => decision !== absent);
  }
  throw new PolicyCompileError([
    problem(
      sources[0]?.path ?? '.',
      `defines none of data.orchestration.{${decisionNames.join(', ')}}`,
      'no_decision',
    ),
  ]);
}

const checkOutputSchema = z.object({
  errors: z.array(
    z.object({
      message: z.string(),
      code: z.string().startsWith('rego_').catch('rego_compile_error'),
      location: z.object({ file: z.string(), row: z.number(), col: z.number() }).optional(),
      details: z.object({ line: z.string(), idx: z.number() }).partial().nullish().catch(null),
    }),
  ),
});
type CheckError = z.output<typeof checkOutputSchema>['errors'][number];

/** What `opa check --format json` complains of. */
export function problemsOfCheck(
  { stderr, exhausted }: OpaOutput,
  sources: readonly RegoSource[],
): PolicyProblem[] {
  if (exhausted) return [tooLarge(sources)];
  const output = parsedAs(stderr, checkOutputSchema);
  if (!output) return problemsOfText(stderr, sources);
  const problems = output.errors.map((error) => ({
    code: codeOf(error),
    file: error.location?.file ?? '.',
    ...placeOf(error, sources),
    message: explained(error.message),
  }));
  // A syntax error is told several times, each time with more to it.
  return problems.filter(
    (fault) =>
      !problems.some((other) => samePlace(fault, other) && other.message.startsWith(`${fault.message}:`)),
  );
}

function tooLarge([source]: readonly RegoSource[]): PolicyProblem {
  return problem(source?.path ?? '.', 'needs more memory than compiling may take', 'rego_too_large');
}

function samePlace(a: PolicyProblem, b: PolicyProblem): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column;
}

/** OPA places a fault at the end of a line in column 0 of a later one and keeps the real place in the details. */
function placeOf({ location, details, message }: CheckError, sources: readonly RegoSource[]) {
  const [, found] = / found at .*:(\d+)$/.exec(message) ?? [];
  if (found !== undefined) return { line: Number(found), column: 1 };
  if (!location || location.row < 1) return { line: null, column: null };
  const { file, row, col } = location;
  if (col > 0 || details?.line === undefined || details.idx === undefined)
    return { line: row, column: Math.max(col, 1) };
  const lines = sources.find(({ path }) => path === file)?.text.split('\n') ?? [];
  const line = lines.lastIndexOf(details.line, row - 1) + 1 || row;
  return { line, column: details.idx + 1 };
}

function codeOf({ code, message }: CheckError): ProblemCode {
  return isForbidden(message) ? 'forbidden_builtin' : (code as ProblemCode);
}

function isForbidden(message: string): boolean {
  return /^undefined function [a-z_]+(?:\.\w+)+$/.test(message);
}

function explained(message: string): string {
  if (!isForbidden(message)) return message;
  return `${message}: not a function of this bundle nor a builtin that policies may call`;
}

/** Reads OPA's plain output, `policy.rego:3: rego_type_error: undefined function foo`; it names no columns. */
export function problemsOfText(text: string, sources: readonly RegoSource[]): PolicyProblem[] {
  const located = [...text.matchAll(/(?:^|[\s:])([^\s:]+\.rego):(\d+): (.+)$/gm)].map(
    ([, file, line, message]) => ({
      code: codeIn(message ?? ''),
      file: file ?? '.',
      line: Number(line),
      column: null,
      message: message ?? '',
    }),
  );
  if (located.length > 0) return located;
  return [
    problem(sources[0]?.path ?? '.', text.trim().slice(0, 1000) || 'does not compile', 'rego_compile_error'),
  ];
}

function codeIn(message: string): ProblemCode {
  const [code] = /^rego_\w+(?=: )/.exec(message) ?? [];
  return (code as ProblemCode | undefined) ?? 'rego_compile_error';
}
