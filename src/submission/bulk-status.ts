import type { BulkJobResponse } from '../contract/bulk';
import { bulkProgress, itemsPerSecond } from '../domain/bulk';
import type { BulkJob } from '../store/bulk-jobs';

/** A bulk job as clients see it. */
export function bulkStatusOf(job: BulkJob, now: number): Omit<BulkJobResponse, 'callback'> {
  const { outcomes, items } = job;
  const known = outcomes.completed + outcomes.partial + outcomes.failed + outcomes.cancelled;
  const processed = job.completedAt === null ? known : items;
  return {
    bulk_id: job.bulkId,
    tenant_id: job.tenantId,
    parent_bulk_id: job.parentBulkId,
    status: job.status,
    total_items: items,
    processed_items: processed,
    outcomes,
    refused_lines: job.refused,
    progress: bulkProgress(processed, items),
    items_per_second: itemsPerSecond(
      processed - job.refused,
      job.startedAt?.getTime() ?? null,
      job.completedAt?.getTime() ?? now,
    ),
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    completed_at: job.completedAt?.toISOString() ?? null,
    correlation_id: job.correlationId,
  };
}
