import Table from 'cli-table3';
import { colors } from './colors';

export type Format = 'table' | 'json';

/** Prints rows with the given columns; as JSON, the rows as they are. */
export function printTable<T>(
  format: Format,
  rows: readonly T[],
  columns: Readonly<Record<string, (row: T) => string>>,
): void {
  if (format === 'json') return print(rows);
  const table = new Table({ head: Object.keys(columns), style: { head: [], border: [], compact: true } });
  for (const row of rows) table.push(Object.values(columns).map((cell) => cell(row)));
  console.log(table.toString());
}

/** Of a table that goes to a file or a pipe. */
const usualWidth = 120;
const leastWidth = 40;
const padding = 2;
const borders = 3;

/** Prints the fields of one thing, broken where the terminal ends. */
export function printObject(format: Format, value: object): void {
  if (format === 'json') return print(value);
  const rows = Object.entries(value).map(([field, content]): [string, string] => [
    field,
    typeof content === 'string' ? content : JSON.stringify(content),
  ]);
  const style = { head: [], border: [], compact: true };
  const first = Math.max(...rows.map(([field]) => field.length)) + padding;
  const widest = Math.max(...rows.map(([, content]) => content.length)) + padding;
  const left = Math.max(leastWidth, (process.stdout.columns ?? usualWidth) - first - borders);
  const table = new Table({
    style,
    ...(widest > left && { colWidths: [first, left], wordWrap: true, wrapOnWordBoundary: false }),
  });
  for (const [field, content] of rows) table.push([colors.bold(field), content]);
  console.log(table.toString());
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
