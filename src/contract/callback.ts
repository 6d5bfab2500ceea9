import { z } from 'zod';
import { jobStatusResponseSchema } from './answer';
import { bulkIdPattern, bulkJobResponseSchema } from './bulk';
import { callbackStateSchema } from './callback-state';
import { jobIdPattern, tenantSchema } from './text';

/** What is posted to a job's callback. */
export const jobCallbackSchema = jobStatusResponseSchema
  .omit({ callback: true })
  .extend({
    /** Whether `result` was too large to be sent: the job's status has it. */
    result_omitted: z.boolean(),
  })
  .meta({ id: 'JobCallback' });
export type JobCallback = z.output<typeof jobCallbackSchema>;

/** What is posted to a bulk job's callback. */
export const bulkJobCallbackSchema = bulkJobResponseSchema
  .omit({ callback: true })
  .meta({ id: 'BulkJobCallback' });
export type BulkJobCallback = z.output<typeof bulkJobCallbackSchema>;

/** One of a list. */
const listedCallbackSchema = callbackStateSchema.extend({
  id: z.union([z.string().regex(jobIdPattern), z.string().regex(bulkIdPattern)]),
  tenant_id: tenantSchema,
});
export type ListedCallback = z.output<typeof listedCallbackSchema>;

export const callbackListSchema = z
  .strictObject({
    callbacks: z.array(listedCallbackSchema),
    total_count: z.int().nonnegative(),
    next_page_token: z.string().optional(),
  })
  .meta({ id: 'CallbackList' });
export type CallbackList = z.output<typeof callbackListSchema>;

/** What the workflow that calls back works on; it knows neither address nor body. */
export interface CallbackDelivery {
  /** The job's, which is also what receivers know the message by. */
  readonly callback_id: string;
  readonly tenant_id: string;
  /** How often delivery was begun anew. */
  readonly replays: number;
}

/** `gone`: there is nothing to deliver any more, or another delivery does it. */
export type CallbackEnd = 'delivered' | 'failed' | 'gone';

/** What the workflow that calls back asks of the world. */
export interface CallbackActivities {
  /** Tries once; throws when it is to be tried again, saying when. */
  deliverCallback(delivery: CallbackDelivery): Promise<CallbackEnd>;
  /** After an operator has canceled the workflow. */
  giveUpCallback(delivery: CallbackDelivery): Promise<void>;
}
