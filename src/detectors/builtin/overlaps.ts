/** A possible finding, still in UTF-16 indices of the text: `start` inclusive, `end` exclusive. */
export interface Candidate {
  readonly start: number;
  readonly end: number;
  readonly label: string;
  readonly score: number;
}

/**
 * Keeps, where candidates overlap, only the strongest; of equals the longest, then the first. Sorted by `start`.
 * One card number is then not reported as a phone number and a bank account as well.
 */
export function strongestOfOverlapping<C extends Candidate>(candidates: readonly C[]): C[] {
  const byStrength = [...candidates].sort(
    (a, b) => b.score - a.score || b.end - b.start - (a.end - a.start) || a.start - b.start,
  );
  const kept: C[] = [];
  for (const candidate of byStrength) {
    const at = firstEndingAfter(kept, candidate.start);
    const next = kept[at];
    if (next === undefined || next.start >= candidate.end) kept.splice(at, 0, candidate);
  }
  return kept;
}

/** Index of the first of the disjoint, sorted `spans` that ends after `position`; their count if none does. */
function firstEndingAfter(spans: readonly Candidate[], position: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle]?.end ?? Infinity) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
