import {
  ActivityCancellationType,
  CancellationScope,
  isCancellation,
  proxyLocalActivities,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { BulkActivities, BulkChunkInput, LoadedBulkChunk, SettledBulkChunk } from '../contract/bulk-run';
import { clockedFrom } from '../domain/bulk';
import { runMembers } from './orchestration';

const retry = { initialInterval: 100, backoffCoefficient: 2, maximumInterval: 5000 };
const { loadBulkChunk } = proxyLocalActivities<BulkActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '20s',
  scheduleToCloseTimeout: '2m',
  retry,
});
const { settleBulkChunk } = proxyLocalActivities<BulkActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '2m',
  retry,
});

/**
 * Some hundred items of a bulk job: planned here and now, then slice after slice the way any run goes. A slice's clock
 * starts with it, so that no item's time is spent on those before it.
 */
export async function bulkChunk(input: BulkChunkInput): Promise<SettledBulkChunk> {
  try {
    await runSlices(await loadBulkChunk(input));
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
  return CancellationScope.nonCancellable(() => settleBulkChunk(input));
}

async function runSlices({ slices, patience }: LoadedBulkChunk): Promise<void> {
  for (const { run_id, plan, members } of slices) {
    if (CancellationScope.current().consideredCancelled) return;
    const started_at = Date.now();
    const run = { run_id, facade_id: null, started_at };
    await runMembers(run, plan, clockedFrom(started_at, members, patience));
  }
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, bulkChunk);
