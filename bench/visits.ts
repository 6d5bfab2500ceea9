/** The rows of the latency bench, in the order of the table. */
export const rowNames = ['bare', 'textbook', 'conclave', 'mapped', 'unshared'] as const;
export type RowName = (typeof rowNames)[number];

/** One row of the table at one number of clients. */
export interface Cell {
  row: string;
  clients: number;
}

export interface Visit extends Cell {
  /** Length, in windows. */
  windows: number;
}

/** Beyond so many clients the textbook only measures its own backlog. */
const mostForTextbook = { full: 64, quick: 16 };
/** Whoever leaves converted requests behind, which go on as jobs, is measured after all others. */
const leavesWork: readonly string[] = ['unshared'];

/** What there is to measure: every row at every number of clients, but mapping only where it is full; less when quick. */
export function cellsOf(rows: readonly string[], clients: readonly number[], quick: boolean): Cell[] {
  const ends = [Math.min(...clients), Math.max(...clients)];
  const isMeasured = (row: string, number: number): boolean => {
    if (row === 'textbook') return number <= mostForTextbook[quick ? 'quick' : 'full'];
    if (row === 'mapped') return number === ends[1];
    return row !== 'unshared' || !quick || ends.includes(number);
  };
  return clients.flatMap((number) =>
    rows.filter((row) => isMeasured(row, number)).map((row) => ({ row, clients: number })),
  );
}

/**
 * At each number of clients bare, conclave, textbook for twice as long, conclave, bare: what drifts slowly weighs on all
 * alike, and the slowest has to warm up only once. All that in each round; last, once, those who leave work behind.
 */
export function visitsOf(cells: readonly Cell[], rounds: number): Visit[] {
  const early = cells.filter(({ row }) => !leavesWork.includes(row));
  const late = cells.filter(({ row }) => leavesWork.includes(row));
  const numbers = [...new Set(early.map(({ clients }) => clients))];
  const round = numbers.flatMap((number) => {
    const crowd = early.filter(({ clients }) => clients === number);
    const once = crowd.filter(({ row }) => row !== 'textbook').map((cell) => ({ ...cell, windows: 1 }));
    const twice = crowd.filter(({ row }) => row === 'textbook').map((cell) => ({ ...cell, windows: 2 }));
    return [...once, ...twice, ...once.toReversed()];
  });
  return [
    ...Array.from({ length: rounds }, () => round).flat(),
    ...late.map((cell) => ({ ...cell, windows: 1 })),
  ];
}
