import { readFileSync } from 'node:fs';
import Table from 'cli-table3';
import { parse } from 'yaml';
import type { DecisionName } from '../policy/bundle';
import { type ExplainedRule, explain, type Explanation } from '../policy/explain';
import { readCandidateIn } from '../policy/validate';
import { colors } from './colors';
import { surroundings } from './policy-tools';
import { bundleFolderOf } from './policy-validate';

export interface ExplainOptions {
  readonly decision: DecisionName;
  readonly input?: string;
  readonly trace: boolean;
  readonly detectors: string;
  readonly format: 'table' | 'json';
}

/** `conclave policy explain`. @returns the exit code: 1 when the Rego fails on the input */
export async function explainDecision(dir: string, options: ExplainOptions): Promise<number> {
  const candidate = await readCandidateIn(bundleFolderOf(dir));
  const { decision, trace } = options;
  const fields = options.input === undefined ? {} : fieldsIn(options.input);
  const explanation = await explain(
    candidate,
    { decision, fields, trace },
    await surroundings(options.detectors),
  );
  if (options.format === 'json') console.log(JSON.stringify(explanation, null, 2));
  else printExplanation(explanation);
  return explanation.outcome.kind === 'failed' ? 1 : 0;
}

function printExplanation({ decision, outcome, rules, trace }: Explanation): void {
  if (outcome.kind === 'no_rule') {
    console.log(`${decision}: decided by the static fields, the bundle's Rego does not define it`);
    return;
  }
  if (outcome.kind === 'failed') {
    console.log(`${colors.red(`${decision} fails (${outcome.reason})`)}: ${outcome.detail}`);
    console.log('in production the static fields decide, and the answer says so');
  } else {
    console.log(`${colors.bold(decision)} = ${JSON.stringify(outcome.value, null, 2)}`);
  }
  const table = new Table({
    head: ['rule', 'at', 'fired', 'stopped at'],
    style: { head: [], border: [], compact: true },
  });
  for (const rule of rules) table.push(rowOf(rule));
  console.log(table.toString());
  if (trace !== null) console.log(trace);
}

function rowOf({ rule, file, line, fired, stopped_at: stopped }: ExplainedRule): string[] {
  const where = stopped === null ? '' : `${stopped.line}: ${stopped.text}`;
  return [rule, `${file}:${line}`, fired ? colors.green('yes') : 'no', where];
}

/** @throws Error when the file holds no object */
function fieldsIn(file: string): Readonly<Record<string, unknown>> {
  const value: unknown = parse(readFileSync(file, 'utf8'));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new Error(`${file} holds no input: it must be an object`);
}
