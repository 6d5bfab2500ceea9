import { z } from 'zod';
import { errorResponseSchema, orchestrationResponseSchema } from './answer';
import { optional, sentRequestSchema, withDefault } from './request';
import { boundedText } from './text';

/** Most items of one batch (spec/orchestration.md 1.2, R8). */
const maxItems = 100;

/** Body of POST /orchestrate/batch (spec/orchestration.md 1.2). Unknown keys are refused. */
const batchOrchestrationRequestSchema = z
  .strictObject({
    requests: z
      .array(sentRequestSchema)
      .min(1, 'must hold at least one request')
      .max(maxItems, `must hold at most ${maxItems} requests`)
      .meta({ description: 'Items of one tenant; one at fault fails alone.' }),
    async_processing: withDefault(z.boolean(), false).meta({ description: 'Makes every item a job.' }),
    batch_id: optional(boundedText(1, 64)).meta({ description: 'Echoed.' }),
  })
  .meta({ id: 'BatchOrchestrationRequest' });

/** The same before its items are looked at: a fault of theirs is theirs alone. */
export const batchEnvelopeSchema = batchOrchestrationRequestSchema.extend({
  requests: z
    .array(z.unknown())
    .min(1, 'must hold at least one request')
    .max(maxItems, `must hold at most ${maxItems} requests`),
});

/** What became of one item. An item that failed holds the results it has, none when it was never routed. */
export const batchItemResultSchema = orchestrationResponseSchema
  .extend({
    /** 0-based, in `requests`. */
    index: z.int().nonnegative(),
    /** What the item alone would have been answered with. */
    http_status: z.int(),
    /** Its `response` is always null: that is the item itself. */
    error: errorResponseSchema.nullable(),
  })
  .meta({ id: 'BatchItemResult' });
export type BatchItemResult = z.output<typeof batchItemResultSchema>;

const count = z.int().nonnegative();

/** Answer to a batch (spec/orchestration.md 1.2); the last three counts sum to the first. */
export const batchOrchestrationResponseSchema = z
  .strictObject({
    results: z.array(batchItemResultSchema),
    idempotency_key: z.string(),
    batch_id: z.string().nullable(),
    total_requests: count,
    /** Items with 200 or 206. */
    completed_requests: count,
    /** Items with 202. */
    accepted_requests: count,
    failed_requests: count,
  })
  .meta({ id: 'BatchOrchestrationResponse' });
export type BatchOrchestrationResponse = z.output<typeof batchOrchestrationResponseSchema>;
