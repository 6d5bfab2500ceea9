import { z } from 'zod';

export const callbackStatuses = ['pending', 'delivered', 'failed'] as const;
export type CallbackStatus = (typeof callbackStatuses)[number];

/** Why an attempt did not deliver. */
export const callbackFaults = [
  'http_status',
  'redirected',
  'receiver_gone',
  'timeout',
  'connection_failed',
  'tls_failed',
  'target_refused',
  'secret_unavailable',
  'cancelled',
] as const;
export type CallbackFault = (typeof callbackFaults)[number];

const timestamp = z.iso.datetime({ precision: 3 });

/** How far the callback of a job has come. */
export const callbackStateSchema = z
  .strictObject({
    status: z.enum(callbackStatuses),
    /** All that were made, before and after replays. */
    attempts: z.int().nonnegative(),
    replays: z.int().nonnegative(),
    last_attempt_at: timestamp.nullable(),
    /** Null while the job runs, while an attempt is under way, and in the end. */
    next_attempt_at: timestamp.nullable(),
    delivered_at: timestamp.nullable(),
    /** Of the last answer. */
    http_status: z.int().nullable(),
    /** Of the last attempt. */
    error: z.enum(callbackFaults).nullable(),
  })
  .meta({ id: 'CallbackState' });
export type CallbackState = z.output<typeof callbackStateSchema>;
