import type { ItemAnswer } from './adapter';
import { halvesOf } from './batches';
import { DetectorCallError } from './call-error';

/** What became of each item: the detector's answer, or why there is none. */
export type Judged<T> = readonly (readonly [T, ItemAnswer | DetectorCallError])[];

/** One call; its failure is one of each of the items. */
export type Ask<T> = (items: readonly T[]) => Promise<Judged<T>>;

/**
 * Asks for a batch. One that is refused or answered wrongly is halved until the guilty item stands alone; its
 * neighbors are settled as soon as they are judged (design.md 7, 18).
 */
export async function judgeBatch<T>(
  ask: Ask<T>,
  items: readonly T[],
  settled: (judged: Judged<T>) => void,
): Promise<void> {
  const judged = await ask(items);
  const error = failureOf(judged);
  if (judged.length > 1 && error?.mayBeOneItems) await halve(ask, judged, error, settled);
  else settled(judged);
}

async function halve<T>(
  ask: Ask<T>,
  judged: Judged<T>,
  error: DetectorCallError,
  settled: (judged: Judged<T>) => void,
): Promise<void> {
  const halves = await Promise.all(halvesOf(judged.map(([item]) => item)).map(ask));
  // An error that may pass and that neither half is spared is the detector's, not an item's.
  if (error.options.retryable && halves.every((half) => failureOf(half) !== null)) {
    settled(judged);
    return;
  }
  await Promise.all(
    halves.map(async (half) => {
      const again = failureOf(half);
      if (half.length > 1 && again?.mayBeOneItems) await halve(ask, half, again, settled);
      // It failed in company and alone: its further attempts were made on the way.
      else settled(again?.mayBeOneItems ? half.map(([item]) => [item, again.forGood()] as const) : half);
    }),
  );
}

function failureOf(judged: Judged<unknown>): DetectorCallError | null {
  const answer = judged[0]?.[1];
  return answer instanceof DetectorCallError ? answer : null;
}
