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

/** Beyond these numbers of clients a row would only measure its own backlog. */
const mostClients: Readonly<Record<string, number>> = { textbook: 64 };
/** Whoever leaves converted requests behind, which go on as jobs, is measured after all others. */
const leavesWork: readonly string[] = ['unshared'];

/** What there is to measure: every row at every number of clients, but mapping only where it is full. */
export function cellsOf(rows: readonly string[], clients: readonly number[]): Cell[] {
  const fullest = Math.max(...clients);
  return clients.flatMap((number) =>
    rows
      .filter((row) => number <= (mostClients[row] ?? Infinity))
      .filter((row) => row !== 'mapped' || number === fullest)
      .map((row) => ({ row, clients: number })),
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
