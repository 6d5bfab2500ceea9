import { z } from 'zod';
import type { DecisionName, RegoSource } from './bundle';
import type { Candidate } from './candidate';
import { inputFor } from './decision-inputs';
import type { JudgeOptions } from './judge';
import { type OpaWorkspace, parsedAs, withOpaWorkspace } from './opa';
import { type Rule, rulesIn, rulesUsed } from './rego-rules';
import { type LineCoverage, lineCoverageSchema } from './rego-tests';
import { type Outcome, runTrials } from './trial';

/** What became of one rule while deciding. */
export interface ExplainedRule {
  readonly rule: string;
  readonly file: string;
  readonly line: number;
  readonly fired: boolean;
  /** The condition that did not hold; null where it fired, or was not reached. */
  readonly stopped_at: { readonly line: number; readonly text: string } | null;
}

export interface Explanation {
  readonly decision: DecisionName;
  /** All of it, those fields included that were not given. */
  readonly input: object;
  readonly outcome: Outcome;
  readonly rules: readonly ExplainedRule[];
  /** OPA's own; null unless asked for. */
  readonly trace: string | null;
}

export interface Question {
  readonly decision: DecisionName;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly trace: boolean;
}

const inputFile = 'input.json';
const evaluationSchema = z.object({ coverage: lineCoverageSchema.optional() });

/**
 * Decides as production does, and has OPA evaluate the same once more to see which rules had a part in it.
 * @throws PolicyCompileError when the Rego does not compile; OpaUnavailable
 */
export async function explain(
  { policy, sources }: Candidate,
  { decision, fields, trace }: Question,
  options: JudgeOptions,
): Promise<Explanation> {
  const input = inputFor(decision, policy, options.detectors, fields);
  if (sources.length === 0) return { decision, input, outcome: { kind: 'no_rule' }, rules: [], trace: null };
  const bundle = await options.compiler.compile({ policy, sources });
  const opaPath = await options.compiler.program();
  const [outcome] = await runTrials(bundle, [{ name: decision, decision, input }]);
  if (!bundle.rules[decision]) return { decision, input, outcome: outcome!, rules: [], trace: null };
  return withOpaWorkspace(opaPath, sources, async (workspace) => {
    await workspace.write(inputFile, JSON.stringify(input));
    const used = await rulesUsed(workspace, await rulesIn(workspace, sources), [decision]);
    const ran = await linesRun(workspace, sources, decision);
    return {
      decision,
      input,
      outcome: outcome!,
      rules: used.map((rule) => explained(rule, sources, ran)),
      trace: trace ? await fullTrace(workspace, sources, decision) : null,
    };
  });
}

const whole = ['--disable-indexing', '--disable-early-exit'];

async function linesRun(
  workspace: OpaWorkspace,
  sources: readonly RegoSource[],
  decision: DecisionName,
): Promise<LineCoverage> {
  const { stdout } = await evaluate(workspace, sources, decision, [
    '--format',
    'json',
    '--coverage',
    ...whole,
  ]);
  return parsedAs(stdout, evaluationSchema)?.coverage ?? { files: {} };
}

async function fullTrace(
  workspace: OpaWorkspace,
  sources: readonly RegoSource[],
  decision: DecisionName,
): Promise<string> {
  const { stdout } = await evaluate(workspace, sources, decision, [
    '--format',
    'pretty',
    '--explain',
    'full',
  ]);
  return stdout;
}

function evaluate(
  workspace: OpaWorkspace,
  sources: readonly RegoSource[],
  decision: DecisionName,
  flags: readonly string[],
) {
  const data = sources.flatMap(({ path }) => ['--data', path]);
  const query = `data.orchestration.${decision}`;
  return workspace.ask('eval', '--timeout', '5s', '--input', inputFile, ...data, ...flags, query);
}

/** A head that ran has fired; in a body that did not lead there, the last condition that ran is where it stopped. */
function explained(
  { ref, place, lastLine }: Rule,
  sources: readonly RegoSource[],
  coverage: LineCoverage,
): ExplainedRule {
  const begun = (coverage.files[place.file]?.covered ?? []).map(({ start }) => start);
  const rule = { rule: ref.slice(1).join('.'), file: place.file, line: place.row };
  if (begun.some(({ row, col }) => row === place.row && col === place.col)) {
    return { ...rule, fired: true, stopped_at: null };
  }
  const lines = sources.find(({ path }) => path === place.file)?.text.split('\n') ?? [];
  const last = Math.max(
    ...begun.map(({ row }) => row).filter((row) => row >= place.row && row <= lastLine),
    0,
  );
  const stopped = last === 0 ? null : { line: last, text: lines[last - 1]?.trim() ?? '' };
  return { ...rule, fired: false, stopped_at: stopped };
}
