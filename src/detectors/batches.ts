import type { PlannedDetector } from '../contract/plan';
import { traitsOf } from '../contract/protocols';

const maxBatchBytes = 512 * 1024;
/** Most items of a call by attempt: who shared a call that failed is asked for in ever smaller company, then alone. */
const companyOfRetries = [Infinity, 8, 1];

/** What goes into one call each, in order: within the detector's own bound and 512 KiB of content (design.md 7, 18). */
export function batchesOf<T extends { readonly content: string }>(
  { call }: PlannedDetector,
  items: readonly T[],
  attempt: number,
): (readonly T[])[] {
  const company = companyOfRetries[Math.min(attempt, companyOfRetries.length) - 1] ?? 1;
  const most = traitsOf(call.protocol).batches ? Math.min(call.max_batch, company) : 1;
  const batches: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(item.content);
    const batch = batches.at(-1);
    if (batch && batch.length < most && bytes + size <= maxBatchBytes) {
      batch.push(item);
      bytes += size;
    } else {
      batches.push([item]);
      bytes = size;
    }
  }
  return batches;
}

/** Two parts of a batch that has at least two members. */
export function halvesOf<T>(batch: readonly T[]): readonly [readonly T[], readonly T[]] {
  const middle = Math.ceil(batch.length / 2);
  return [batch.slice(0, middle), batch.slice(middle)];
}
