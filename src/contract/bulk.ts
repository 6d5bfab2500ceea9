import { z } from 'zod';
import { errorResponseSchema, orchestrationResponseSchema } from './answer';
import { callbackStateSchema } from './callback-state';
import { tenantSchema } from './text';

export const bulkStatuses = ['pending', 'running', 'paused', 'completed', 'cancelled'] as const;
export type BulkStatus = (typeof bulkStatuses)[number];

export const bulkItemStatuses = [
  'pending',
  'completed',
  'partial',
  'failed',
  'cancelled',
  'expired',
] as const;
export type BulkItemStatus = (typeof bulkItemStatuses)[number];

export const bulkIdPattern = /^bulk-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const timestamp = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();

/** State of a bulk job: answer of every bulk route but the export, and data of its events. */
export const bulkJobResponseSchema = z
  .strictObject({
    bulk_id: z.string().regex(bulkIdPattern),
    tenant_id: tenantSchema,
    /** The job whose failed items this one repeats. */
    parent_bulk_id: z.string().nullable(),
    status: z.enum(bulkStatuses),
    total_items: count,
    /** Items that have an outcome. */
    processed_items: count,
    outcomes: z.strictObject({ completed: count, partial: count, failed: count, cancelled: count }),
    /** Lines that are no valid request; they count as failed. */
    refused_lines: count,
    progress: z.number().min(0).max(1),
    /** Over the whole time since the start; null before it. */
    items_per_second: z.number().nonnegative().nullable(),
    created_at: timestamp,
    started_at: timestamp.nullable(),
    /** Set when nothing of the job runs any more; from then on its counts stay as they are. */
    completed_at: timestamp.nullable(),
    correlation_id: z.string(),
    /** Null without a callback. */
    callback: callbackStateSchema.nullable(),
  })
  .meta({ id: 'BulkJob' });
export type BulkJobResponse = z.output<typeof bulkJobResponseSchema>;

/** One line of the export. */
export const bulkOutcomeSchema = z
  .strictObject({
    /** 0-based, over all items of the job. */
    index: count,
    /** 1-based line of the upload. */
    line: z.int().positive(),
    request_id: z.uuid(),
    status: z.enum(bulkItemStatuses),
    /** What the item alone would have been answered with; null while it has no outcome. */
    http_status: z.int().nullable(),
    response: orchestrationResponseSchema.nullable(),
    error: errorResponseSchema.nullable(),
  })
  .meta({ id: 'BulkOutcome' });
export type BulkOutcome = z.output<typeof bulkOutcomeSchema>;
