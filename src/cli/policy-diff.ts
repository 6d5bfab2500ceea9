import { differences } from '../policy/policy-diff';
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
  const difference = differences(before, after);
  const same = difference.fields.length === 0 && Object.keys(difference.rego).length === 0;
  if (options.format === 'json') console.log(JSON.stringify(difference, null, 2));
  else if (same) console.log('no difference');
  else print(difference);
  return options.exitCode && !same ? 1 : 0;
}

/** Fields as a table, then the texts. */
export function print({ fields, rego }: ReturnType<typeof differences>): void {
  if (fields.length > 0) {
    printTable('table', fields, {
      field: ({ path }) => path,
      from: ({ before }) => shown(before),
      to: ({ after }) => shown(after),
      '': ({ tendency }) => tendency ?? '',
    });
  }
  for (const patch of Object.values(rego)) {
    console.log(
      patch
        .split('\n')
        .slice(patch.startsWith('Index:') ? 2 : 0)
        .map(colored)
        .join('\n'),
    );
  }
}

function shown(value: unknown): string {
  return value === null ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
}

function colored(line: string): string {
  if (line.startsWith('+')) return colors.green(line);
  return line.startsWith('-') ? colors.red(line) : line;
}
