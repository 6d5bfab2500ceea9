/** One version of a detector and its weight; weights of all versions need not sum to 100. */
export interface Share {
  readonly version: string;
  readonly percent: number;
}

/** Steps in which a new version takes over (spec/orchestration.md 9.5). */
const canarySteps = [5, 25, 50, 100] as const;

export function nextCanaryStep(percent: number): number {
  return canarySteps.find((step) => step > percent) ?? 100;
}

/**
 * Which version a request gets. Versions hold neighboring stretches in the order given, so that a version whose share
 * grows keeps the requests that it had.
 * @param point where the request falls, in [0, 1)
 * @returns the index; of shares that are all 0, the last
 */
export function shareAt(shares: readonly Share[], point: number): number {
  const total = shares.reduce((sum, { percent }) => sum + percent, 0);
  let end = 0;
  for (const [index, { percent }] of shares.entries()) {
    end += percent;
    if (point * total < end) return index;
  }
  return shares.length - 1;
}
