import { z } from 'zod';
import { requestShapeSchema } from './requests';

export const loadOrderSchema = z.object({
  url: z.url(),
  shape: requestShapeSchema,
  /** Clients of a closed loop. */
  concurrency: z.int().positive(),
  /** Requests a second of an open loop, sent whether or not earlier ones were answered; absent: a closed loop. */
  rate: z.int().positive().optional(),
  /** At least this long, and in a closed loop until every client had an answer, nothing is counted. */
  warmupMs: z.number().nonnegative(),
  windowMs: z.number().positive(),
  /** Every request has the same content: what a cache is for. */
  repeat: z.boolean().optional(),
  /** What an answer must hold so many times at least; else its status is filed as incomplete. */
  expecting: z.object({ text: z.string(), times: z.int().positive() }).optional(),
});
export type LoadOrder = z.output<typeof loadOrderSchema>;

export const loadSampleSchema = z.object({
  windowMs: z.number(),
  /** Requests sent inside the window. */
  sent: z.int(),
  /** Latencies of the answers that arrived inside the window, by status. */
  latenciesMs: z.record(z.string(), z.array(z.number())),
  /** Requests that got no answer at all, at any time. */
  network: z.int(),
  /** Answers at any time, warm-up and draining included, by status. */
  answered: z.record(z.string(), z.int()),
});
export type LoadSample = z.output<typeof loadSampleSchema>;
