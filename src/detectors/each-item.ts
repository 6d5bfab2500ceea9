import { unbatchedConcurrency } from '../domain/batching';
import type { DetectorItem, ItemAnswer } from './adapter';

/** For protocols without batches: one call an item, a few at a time, answers in order. */
export async function eachItem(
  items: readonly DetectorItem[],
  call: (item: DetectorItem) => Promise<ItemAnswer>,
): Promise<ItemAnswer[]> {
  const answers = new Array<ItemAnswer>(items.length);
  let next = 0;
  async function serve(): Promise<void> {
    while (next < items.length) {
      const index = next++;
      answers[index] = await call(items[index]!);
    }
  }
  await Promise.all(Array.from({ length: Math.min(unbatchedConcurrency, items.length) }, serve));
  return answers;
}
