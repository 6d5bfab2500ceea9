import type { Member, Plan } from './plan';

/** What bulk workflows and their activities tell each other: references and, for one chunk, its members (design.md 5). */
export interface BulkRunInput {
  readonly bulk_id: string;
  readonly tenant_id: string;
  /** The last chunk that a run before this one has started; -1 at first. */
  readonly after: number;
}

export interface BulkChunkInput {
  readonly bulk_id: string;
  readonly chunk: number;
  /** The workflow's own id, under whose key its payloads are encrypted. */
  readonly run_id: string;
}

export interface NextBulkChunkInput {
  readonly bulk_id: string;
  readonly after: number;
  /** Makes the id of the run that will take the chunk, whose key is opened. */
  readonly token: string;
}

export interface NextBulkChunk {
  readonly state: 'running' | 'paused' | 'cancelled';
  /** Null when none is left, or none may be started now. */
  readonly next: BulkChunkInput | null;
}

/** A member whose clock does not run yet. */
export type BulkMember = Omit<
  Member,
  'received_at' | 'convert_at' | 'sla_at' | 'cut_at' | 'deadline_at' | 'prior_results'
>;

/** Milliseconds after the start of a slice. */
export interface BulkPatience {
  /** From here on, finished results of detectors are kept in the store. */
  readonly checkpoint_after: number;
  readonly cut_after: number;
  readonly deadline_after: number;
}

/** Members of one plan that ride together; a run of its own for detectors, publication and memory. */
export interface BulkSlice {
  readonly run_id: string;
  readonly plan: Plan;
  readonly members: readonly BulkMember[];
}

export interface LoadedBulkChunk {
  readonly slices: readonly BulkSlice[];
  readonly patience: BulkPatience;
}

export interface SettledBulkChunk {
  /** Items without an outcome. */
  readonly left: number;
}

export interface BulkActivities {
  /** The next chunk to run, and whether it may be. */
  nextBulkChunk(input: NextBulkChunkInput): Promise<NextBulkChunk>;
  /** A chunk is tried again in a new run. */
  reopenBulkChunk(input: { bulk_id: string; run_id: string; failed_run_id: string }): Promise<void>;
  /** Plans what has no outcome yet; items that cannot be planned are published as failed. */
  loadBulkChunk(input: BulkChunkInput): Promise<LoadedBulkChunk>;
  /** Counts the outcomes of a chunk and closes its run. */
  settleBulkChunk(input: BulkChunkInput): Promise<SettledBulkChunk>;
  /** Publishes INTERNAL_ERROR for whatever of the chunk has no outcome. */
  failBulkChunk(input: BulkChunkInput): Promise<void>;
  /** The end of a bulk job; items that were never started are cancelled. */
  finishBulk(input: { bulk_id: string; cancelled: boolean }): Promise<void>;
}

/** Id of a run that takes a chunk; `token` tells its attempts apart. */
export function chunkRunId(bulkId: string, chunk: number, token: string): string {
  return `${bulkId}.${chunk}.${token}`;
}

/** A slice is a run of its own inside its chunk's. */
export function sliceRunId(runId: string, slice: number): string {
  return `${runId}/${slice}`;
}

export function partsOfSliceRunId(sliceId: string) {
  const [runId = '', slice] = sliceId.split('/');
  const [bulkId = '', chunk] = runId.split('.');
  return { bulkId, chunk: Number(chunk), runId, slice: Number(slice) };
}
