import type { Priority } from '../contract/enums';

const keys: Readonly<Record<Priority, number>> = { critical: 1, high: 2, normal: 3, low: 4 };

/** Temporal's priority key: 1 goes first, 5 last. */
export function priorityKey(priority: Priority): number {
  return keys[priority];
}

/** Bulk work goes after everything else. */
export const bulkPriorityKey = 5;
