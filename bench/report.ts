import Table from 'cli-table3';

/** What every bench ends with: a table for people, remarks, and rows for machines. */
export interface Report {
  bench: string;
  head: string[];
  cells: (string | number)[][];
  remarks: string[];
  rows: object[];
}

/** The last line is JSON: `{"bench", "rows": [...]}`. */
export function render({ bench, head, cells, remarks, rows }: Report): string {
  const table = new Table({
    head,
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  table.push(...cells);
  return [table.toString(), ...remarks, JSON.stringify({ bench, rows })].join('\n');
}
