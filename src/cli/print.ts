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

/** Prints the fields of one thing. */
export function printObject(format: Format, value: object): void {
  if (format === 'json') return print(value);
  const table = new Table({ style: { head: [], border: [], compact: true } });
  for (const [field, content] of Object.entries(value)) {
    table.push([colors.bold(field), typeof content === 'string' ? content : JSON.stringify(content)]);
  }
  console.log(table.toString());
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
