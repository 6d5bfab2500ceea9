import { z } from 'zod';
import { breakerStates } from './breaker';
import { httpMethods, upstreamStatuses } from './upstream';

const timestamp = z.iso.datetime();
const methods = z.array(z.enum(httpMethods));

export const routeListSchema = z
  .object({
    routes: z.array(
      z.object({
        /** Everything below it goes to the same endpoint. */
        pattern: z.string(),
        endpoint_id: z.string(),
        target_url: z.string(),
        methods,
        status: z.enum(upstreamStatuses),
        circuit_breaker_state: z.enum(breakerStates),
      }),
    ),
    total_count: z.int(),
    next_page_token: z.string().optional(),
    timestamp,
  })
  .meta({ id: 'RouteList' });
export type RouteList = z.output<typeof routeListSchema>;

export const routeTestSchema = z
  .object({
    test_result: z.object({
      endpoint_id: z.string(),
      url: z.string(),
      /** Null: no answer. */
      status_code: z.int().nullable(),
      /** Seconds. */
      response_time: z.number(),
      success: z.boolean(),
      error: z.string().nullable(),
    }),
    timestamp,
  })
  .meta({ id: 'RouteTest' });
export type RouteTest = z.output<typeof routeTestSchema>;
/** What came of asking an upstream once. */
export type Trial = Omit<RouteTest['test_result'], 'endpoint_id' | 'url'>;

export const routeRefreshSchema = z
  .object({ success: z.literal(true), message: z.string(), active_routes_count: z.int(), timestamp })
  .meta({ id: 'RouteRefresh' });
export type RouteRefresh = z.output<typeof routeRefreshSchema>;

export const routeDebugSchema = z
  .object({
    input_path: z.string(),
    normalized_path: z.string(),
    matched_endpoint: z
      .object({
        endpoint_id: z.string(),
        name: z.string(),
        url: z.string(),
        methods,
        status: z.enum(upstreamStatuses),
      })
      .nullable(),
    relative_path: z.string().nullable(),
    would_forward_to: z.string().nullable(),
    /** Code of the error that a request would get. */
    blocked_by: z.string().nullable(),
    error: z.string().nullable(),
  })
  .meta({ id: 'RouteDebug' });
export type RouteDebug = z.output<typeof routeDebugSchema>;
