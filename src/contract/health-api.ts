import { z } from 'zod';
import { breakerInfoSchema, breakerSummarySchema } from './breaker-api';
import { healthStatuses } from './enums';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();
const seconds = z.number().nonnegative().nullable();
const share = z.number().min(0).max(1).nullable();
const percentage = z.number().min(0).max(100);

/** The health of one upstream (spec/gateway.md 5). Times in seconds; shares are null without a check. */
const endpointHealthSchema = z.strictObject({
  endpoint_id: z.string(),
  status: z.enum(healthStatuses),
  last_check_time: time.nullable(),
  next_check_time: time.nullable(),
  response_time: seconds,
  error_message: z.string().nullable(),
  consecutive_failures: count,
  consecutive_successes: count,
  sla_compliance: share,
  availability_24h: share,
});
export type EndpointHealthInfo = z.output<typeof endpointHealthSchema>;

const summary = z.strictObject({
  total_endpoints: count,
  healthy_endpoints: count,
  unhealthy_endpoints: count,
  health_percentage: percentage,
  average_response_time: seconds,
  last_check_time: time.nullable(),
  config: z.strictObject({
    detector_interval: z.number(),
    detector_timeout: z.number(),
    concurrency: count,
  }),
});
export type HealthSummary = z.output<typeof summary>;

const checkSchema = z.strictObject({
  at: time,
  ok: z.boolean(),
  response_time: seconds,
  error_message: z.string().nullable(),
});

/** Answer of GET /health/status. */
export const systemHealthSchema = z
  .strictObject({
    system_status: z.enum(['healthy', 'degraded', 'unhealthy']),
    timestamp: time,
    summary,
    circuit_breaker_summary: breakerSummarySchema,
  })
  .meta({ id: 'SystemHealth' });
export type SystemHealth = z.output<typeof systemHealthSchema>;

/** Answer of GET /health/summary. */
export const healthSummarySchema = z.strictObject({ summary, timestamp: time }).meta({ id: 'HealthSummary' });

/** Answer of GET /health/endpoints. */
export const endpointHealthListSchema = z
  .strictObject({ endpoints: z.array(endpointHealthSchema), total_count: count, timestamp: time })
  .meta({ id: 'EndpointHealthList' });

/** Answer of GET /health/unhealthy. */
export const unhealthyEndpointsSchema = z
  .strictObject({ unhealthy_endpoints: z.array(endpointHealthSchema), count, timestamp: time })
  .meta({ id: 'UnhealthyEndpoints' });

/** Answer of GET /health/endpoints/{endpoint_id}. */
export const endpointHealthDetailSchema = endpointHealthSchema
  .extend({
    circuit_breaker: breakerInfoSchema.nullable(),
    history: z.array(checkSchema),
    trend: z.enum(['improving', 'stable', 'degrading']),
  })
  .meta({ id: 'EndpointHealthDetail' });
export type EndpointHealthDetail = z.output<typeof endpointHealthDetailSchema>;

/** Answer of POST /health/check/{endpoint_id}. */
export const healthCheckedSchema = z
  .strictObject({
    success: z.boolean(),
    message: z.string(),
    result: z.strictObject({ ok: z.boolean(), response_time: seconds, error_message: z.string().nullable() }),
    timestamp: time,
  })
  .meta({ id: 'HealthChecked' });
export type HealthChecked = z.output<typeof healthCheckedSchema>;
