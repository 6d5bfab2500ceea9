import type { Member, PlannedDetector } from '../contract/plan';

/** Protocols whose one call is about several contents. */
const batching: ReadonlySet<PlannedDetector['call']['protocol']> = new Set(['detectors-api']);
const maxBatchBytes = 512 * 1024;
/** Most members of a call by attempt: who shared a call that failed is asked for in ever smaller company, then alone. */
const companyOfRetries = [Infinity, 8, 1];

/** What goes into one call each, in order: within the detector's own bound and 512 KiB of content (design.md 7, 18). */
export function batchesOf(
  { call }: PlannedDetector,
  members: readonly Member[],
  attempt: number,
): (readonly Member[])[] {
  const company = companyOfRetries[Math.min(attempt, companyOfRetries.length) - 1] ?? 1;
  const most = batching.has(call.protocol) ? Math.min(call.max_batch, company) : 1;
  const batches: Member[][] = [];
  let bytes = 0;
  for (const member of members) {
    const size = Buffer.byteLength(member.content);
    const batch = batches.at(-1);
    if (batch && batch.length < most && bytes + size <= maxBatchBytes) {
      batch.push(member);
      bytes += size;
    } else {
      batches.push([member]);
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
