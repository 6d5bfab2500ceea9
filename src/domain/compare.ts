/** Scores are compared unrounded with this tolerance, so that 0.7 + 0.1 meets 0.8 (spec/orchestration.md 0). */
const tolerance = 1e-9;

export function atLeast(value: number, bound: number): boolean {
  return value >= bound - tolerance;
}

export function same(a: number, b: number): boolean {
  return Math.abs(a - b) <= tolerance;
}

/** Six decimals, the most a score has on the wire. */
export function rounded(score: number): number {
  return Math.round(score * 1e6) / 1e6;
}

/** Order by code units: the same on every machine, whatever its locale. */
export function alphabetically(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Keeps the items whose measure ties with the highest one. */
export function highestBy<T>(items: readonly T[], measure: (item: T) => number): readonly T[] {
  const highest = Math.max(...items.map(measure));
  return items.filter((item) => atLeast(measure(item), highest));
}
