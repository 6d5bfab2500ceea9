import { DatabaseError } from 'pg';

/** Classes of SQLSTATE that blame what is to be written: data, constraints, limits. The same statement never succeeds. */
const blameTheRows = /^(22|23|54)/;

/** Whether the database refuses what a statement would write, as opposed to being away or busy. */
export function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && blameTheRows.test(error.code ?? '');
}

/**
 * Writes rows that the database refuses together: halved until each that it refuses stands alone, and is replaced
 * (design.md 7, 15).
 * @returns what `write` returned, in order
 */
export async function writeApart<Row, Written>(
  rows: readonly Row[],
  write: (rows: readonly Row[]) => Promise<readonly Written[]>,
  standIn: (refused: Row) => Row,
): Promise<Written[]> {
  if (rows.length === 1) return [...(await write([standIn(rows[0]!)]))];
  const middle = Math.ceil(rows.length / 2);
  const written: Written[] = [];
  for (const half of [rows.slice(0, middle), rows.slice(middle)]) {
    try {
      written.push(...(await write(half)));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      written.push(...(await writeApart(half, write, standIn)));
    }
  }
  return written;
}
