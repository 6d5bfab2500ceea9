import {
  ActivityCancellationType,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  defineSignal,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  proxyLocalActivities,
  setHandler,
  setWorkflowOptions,
  uuid4,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type BulkActivities,
  type BulkChunkInput,
  type BulkRunInput,
  chunkRunId,
} from '../contract/bulk-run';
import { bulkPriorityKey } from '../domain/priority';
import { bulkChunk } from './bulk-chunk';
import { bulkChanged } from './bulk-signals';
import { searchAttributes } from './search-attributes';

const { nextBulkChunk, reopenBulkChunk, failBulkChunk, finishBulk } = proxyLocalActivities<BulkActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '10s',
  // A store that is away is waited for, however long.
  retry: { initialInterval: 100, backoffCoefficient: 2, maximumInterval: 5000 },
});

const bulkChangedSignal = defineSignal(bulkChanged);

const chunksInFlight = 4;
/** About twelve events each, so that a history stays far below what the server warns of. */
const chunksPerRun = 200;
const eventsPerRun = 4000;
const attempts = 3;
/** A paused run looks by itself, too, should a signal have been lost. */
const lookAgainMs = 60_000;

/** A bulk job: its chunks one after the other, a few at a time, as children that carry the items (design.md 5). */
export async function bulkRun(input: BulkRunInput): Promise<void> {
  const chunks = new ChunksInFlight(input);
  let changed = false;
  setHandler(bulkChangedSignal, () => void (changed = true));
  let { after } = input;
  let cancelled = false;
  try {
    for (let started = 0; ;) {
      changed = false;
      const { state, next } = await nextBulkChunk({ bulk_id: input.bulk_id, after, token: uuid4() });
      cancelled = state === 'cancelled';
      if (next !== null) {
        after = next.chunk;
        started += 1;
        await chunks.start(next);
      } else if (state === 'paused') await condition(() => changed, lookAgainMs);
      else break;
      if (started === chunksPerRun || workflowInfo().historyLength > eventsPerRun) {
        await chunks.done();
        await continueAsNew<typeof bulkRun>({ ...input, after });
      }
    }
    await chunks.done();
  } catch (error) {
    if (!isCancellation(error)) throw error;
    cancelled = true;
  }
  await CancellationScope.nonCancellable(async () => {
    await chunks.done();
    await finishBulk({ bulk_id: input.bulk_id, cancelled });
  });
  if (CancellationScope.current().consideredCancelled)
    throw new CancelledFailure('the bulk job was cancelled');
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, bulkRun);

/** Children at work, never more than a few. */
class ChunksInFlight {
  readonly #running = new Set<Promise<void>>();
  #error: unknown = null;

  constructor(private readonly bulk: Pick<BulkRunInput, 'bulk_id' | 'tenant_id'>) {}

  /** Returns when there is room for another. */
  async start(chunk: BulkChunkInput): Promise<void> {
    const running: Promise<void> = this.#run(chunk)
      .catch((error: unknown) => {
        if (!isCancellation(error)) this.#error ??= error;
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    while (this.#running.size >= chunksInFlight) await Promise.race(this.#running);
    this.#throwError();
  }

  async done(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwError();
  }

  #throwError(): void {
    const error = this.#error;
    this.#error = null;
    if (error !== null) throw error as Error;
  }

  /** A chunk whose run breaks down is tried again with what has no outcome yet, and given up at last. */
  async #run(first: BulkChunkInput): Promise<void> {
    let chunk = first;
    for (let attempt = 1; !(await this.#attempt(chunk)); attempt++) {
      if (attempt === attempts) return failBulkChunk(chunk);
      const failed = chunk;
      chunk = { ...failed, run_id: chunkRunId(failed.bulk_id, failed.chunk, uuid4()) };
      await reopenBulkChunk({
        bulk_id: chunk.bulk_id,
        run_id: chunk.run_id,
        failed_run_id: failed.run_id,
      });
    }
  }

  /** @returns whether every item has an outcome */
  async #attempt(chunk: BulkChunkInput): Promise<boolean> {
    try {
      const { left } = await executeChild(bulkChunk, {
        workflowId: chunk.run_id,
        args: [chunk],
        workflowTaskTimeout: '3s',
        workflowRunTimeout: '15m',
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        parentClosePolicy: ParentClosePolicy.TERMINATE,
        priority: { priorityKey: bulkPriorityKey, fairnessKey: this.bulk.tenant_id },
        typedSearchAttributes: [
          { key: searchAttributes.kind, value: 'bulk_chunk' },
          { key: searchAttributes.tenant, value: this.bulk.tenant_id },
          { key: searchAttributes.parentJob, value: this.bulk.bulk_id },
        ],
      });
      return left === 0 || CancellationScope.current().consideredCancelled;
    } catch (error) {
      if (!(error instanceof ChildWorkflowFailure) || isCancellation(error)) throw error;
      return false;
    }
  }
}
