import { LRUCache } from 'lru-cache';
import { type BulkMember, type BulkPatience, type BulkSlice, partsOfSliceRunId } from '../contract/bulk-run';
import type { RequestAbout, RunInput } from '../contract/plan';
import { codePointLength } from '../contract/text';
import { clockedFrom } from '../domain/bulk';
import type { BulkChunks, BulkItem } from '../store/bulk-chunks';
import type { BulkIdentity, BulkRuns } from '../store/bulk-runs';
import type { Inputs } from './by-reference';
import type { RunContext } from './types';

const keptCharacters = 16 * 1024 * 1024;
const keptMs = 120_000;

/** The inputs of slices of bulk jobs: known since their chunk was loaded here, else read from the store. */
export class BulkInputs implements Inputs {
  readonly #known: LRUCache<string, BulkSlice>;

  constructor(
    private readonly chunks: BulkChunks,
    private readonly runs: BulkRuns,
    private readonly patience: BulkPatience,
  ) {
    this.#known = new LRUCache({
      maxSize: keptCharacters,
      sizeCalculation: ({ members }) => members.reduce((sum, { content }) => sum + content.length, 1),
      ttl: keptMs,
      fetchMethod: (runId) => this.#read(runId),
    });
  }

  put(slice: BulkSlice): void {
    this.#known.set(slice.run_id, slice);
  }

  async of(run: RunContext): Promise<RunInput> {
    const slice = await this.#known.fetch(run.run_id);
    if (!slice || run.started_at === undefined) throw new Error('the input of the slice is gone');
    return {
      run_id: run.run_id,
      facade_id: null,
      recovery: 0,
      plan: slice.plan,
      members: clockedFrom(run.started_at, slice.members, this.patience),
    };
  }

  forget(runId: string): void {
    this.#known.delete(runId);
  }

  /** As planned when the chunk was loaded, by whichever process. */
  async #read(runId: string): Promise<BulkSlice | undefined> {
    const { bulkId, chunk, runId: chunkRunId, slice } = partsOfSliceRunId(runId);
    const planned = await this.chunks.planned(bulkId, chunk);
    const place = planned?.run_id === chunkRunId ? planned.slices[slice] : undefined;
    if (!planned || !place) return undefined;
    const identity = await this.runs.identityOf(bulkId);
    const items = new Map((await this.chunks.items(bulkId, chunk)).map((item) => [item.request_id, item]));
    return {
      run_id: runId,
      plan: planned.plans[place.plan]!,
      members: place.request_ids.map((id, index) =>
        memberOf(items.get(id)!, identity, {
          healthStatus: place.health_status,
          about: place.about?.[index] ?? undefined,
        }),
      ),
    };
  }
}

export function memberOf(
  { request, request_id, routing_tokens }: BulkItem,
  { correlationId, traceparent, asked }: BulkIdentity,
  { healthStatus, about }: { healthStatus: BulkMember['health_status']; about?: RequestAbout | undefined },
): BulkMember {
  return {
    request_id,
    correlation_id: correlationId,
    traceparent,
    ...(asked && { asked }),
    mode: 'bulk',
    content: request.content,
    content_length: codePointLength(request.content),
    metadata: request.metadata ?? null,
    idempotency_key: null,
    parent_job_id: null,
    routing_tokens,
    health_status: healthStatus,
    ...(about && { about }),
  };
}
