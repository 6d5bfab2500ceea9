import type { DetectorItem, ItemAnswer } from './adapter';

/** For protocols without batches: one call an item, answers in order. Who calls bounds how many items there are. */
export function eachItem(
  items: readonly DetectorItem[],
  call: (item: DetectorItem) => Promise<ItemAnswer>,
): Promise<ItemAnswer[]> {
  return Promise.all(items.map(call));
}
