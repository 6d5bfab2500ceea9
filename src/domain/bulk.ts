import type { BulkMember, BulkPatience } from '../contract/bulk-run';
import type { Member } from '../contract/plan';
import type { SlaSettings } from './budget';

export const bulkLimits = {
  lineBytes: 256 * 1024,
  /** Jobs that a tenant may have open at a time. */
  openJobs: 10,
} as const;

/** Bounds of a chunk, as of any run (design.md 7, 7). */
const chunkItems = 256;
const chunkBytes = 96 * 1024;

export interface ChunkSize {
  readonly items: number;
  readonly bytes: number;
}

/** Whether another item of so many bytes goes into the chunk; an empty one takes any. */
export function fitsChunk(chunk: ChunkSize, bytes: number): boolean {
  return chunk.items === 0 || (chunk.items < chunkItems && chunk.bytes + bytes <= chunkBytes);
}

/** Items of a bulk job have the time of an async job, counted from when they are taken up. */
export function bulkPatience(settings: SlaSettings): BulkPatience {
  const { async_request_sla_ms, mapper_timeout_budget_ms, sync_to_async_threshold_ms } = settings;
  return {
    checkpoint_after: sync_to_async_threshold_ms,
    cut_after: Math.max(0, async_request_sla_ms - mapper_timeout_budget_ms),
    deadline_after: async_request_sla_ms,
  };
}

/** Starts the clocks of a slice. @param now epoch ms */
export function clockedFrom(now: number, members: readonly BulkMember[], patience: BulkPatience): Member[] {
  const times = {
    received_at: now,
    convert_at: now + patience.checkpoint_after,
    cut_at: now + patience.cut_after,
    sla_at: now + patience.deadline_after,
    deadline_at: now + patience.deadline_after,
  };
  return members.map((member) => ({ ...member, ...times, prior_results: [] }));
}

/** In runs of at most `size`, in order. */
export function slicesOf<T>(items: readonly T[], size: number): T[][] {
  const slices: T[][] = [];
  for (let at = 0; at < items.length; at += size) slices.push(items.slice(at, at + size));
  return slices;
}

/** Of an empty job: 1, for nothing is left to do. At most 6 decimals, and 1 only at the end. */
export function bulkProgress(processed: number, total: number): number {
  if (processed >= total) return 1;
  return Math.floor((processed / total) * 1e6) / 1e6;
}

/** @returns null before the start */
export function itemsPerSecond(processed: number, startedAt: number | null, until: number): number | null {
  if (startedAt === null) return null;
  const seconds = Math.max(until - startedAt, 1) / 1000;
  return Number((processed / seconds).toFixed(1));
}
