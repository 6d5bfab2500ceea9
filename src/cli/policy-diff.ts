import { differenceOf, type Difference } from '../policy/difference';
import { readCandidateIn } from '../policy/validate';
import { colors } from './colors';
import { printTable } from './print';
import { bundleFolderOf } from './policy-validate';

export interface DiffOptions {
  readonly format: 'table' | 'json';
  readonly exitCode: boolean;
}

/** `conclave policy compare`. @returns the exit code */
export async function printDifference(from: string, to: string, options: DiffOptions): Promise<number> {
  const [before, after] = [
    await readCandidateIn(bundleFolderOf(from)),
    await readCandidateIn(bundleFolderOf(to)),
  ];
  const difference = differenceOf(before, after);
  if (options.format === 'json') console.log(JSON.stringify(difference, null, 2));
  else print(difference);
  const same = difference.fields.length === 0 && difference.rego.length === 0;
  return options.exitCode && !same ? 1 : 0;
}

function print({ fields, rego }: Difference): void {
  if (fields.length === 0 && rego.length === 0) return console.log('no difference');
  if (fields.length > 0) {
    printTable('table', fields, {
      field: ({ field }) => field,
      from: (change) => shown(change.from),
      to: (change) => shown(change.to),
      '': ({ tendency }) => tendency ?? '',
    });
  }
  for (const { patch } of rego) console.log(patch.split('\n').slice(1).map(colored).join('\n'));
}

function shown(value: unknown): string {
  return value === null ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
}

function colored(line: string): string {
  if (line.startsWith('+')) return colors.green(line);
  return line.startsWith('-') ? colors.red(line) : line;
}
