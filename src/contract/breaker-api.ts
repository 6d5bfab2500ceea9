import { z } from 'zod';
import { breakerStates, breakerTransitionSchema } from './breaker';

const time = z.iso.datetime({ precision: 3 });
const state = z.enum(breakerStates);
const count = z.int().nonnegative();

/** One breaker as it is read (spec/gateway.md 6). */
export const breakerInfoSchema = z
  .strictObject({
    endpoint_id: z.string(),
    state,
    /** Of all calls since the upstream was registered. */
    failure_count: count,
    success_count: count,
    failure_rate: z.number().min(0).max(1),
    consecutive_failures: count,
    last_failure_time: time.nullable(),
    last_success_time: time.nullable(),
    state_changed_time: time.nullable(),
    next_attempt_at: time.nullable(),
    half_open_calls: count,
    transitions: z.array(breakerTransitionSchema.extend({ at: time })).max(50),
    fallback_count: count,
    prevented_calls: count,
    /** Of the calls that would have failed, the share that was kept off the upstream. */
    effectiveness: z.number().min(0).max(1),
    config: z.record(z.string(), z.json()),
  })
  .meta({ id: 'CircuitBreakerInfo' });
export type BreakerInfo = z.output<typeof breakerInfoSchema>;

export const breakerSummarySchema = z.strictObject({
  total_circuit_breakers: count,
  open_breakers: count,
  half_open_breakers: count,
  closed_breakers: count,
  health_percentage: z.number().min(0).max(100),
});
export type BreakerSummary = z.output<typeof breakerSummarySchema>;

/** Answer of GET /circuit-breaker/status. */
export const breakerStatusSchema = z
  .strictObject({
    summary: breakerSummarySchema,
    circuit_breakers: z.array(breakerInfoSchema),
    timestamp: time,
  })
  .meta({ id: 'CircuitBreakerStatus' });
export type BreakerStatus = z.output<typeof breakerStatusSchema>;

/** Answer of GET /health/circuit-breakers/open. */
export const openBreakersSchema = z
  .strictObject({ open_circuit_breakers: z.array(breakerInfoSchema), count, timestamp: time })
  .meta({ id: 'OpenCircuitBreakers' });
export type OpenBreakers = z.output<typeof openBreakersSchema>;

/** Answer of POST /circuit-breaker/reset and /trip. */
export const breakerForcedSchema = z
  .strictObject({
    success: z.literal(true),
    message: z.string(),
    endpoint_id: z.string(),
    state,
    timestamp: time,
  })
  .meta({ id: 'CircuitBreakerForced' });
export type BreakerForced = z.output<typeof breakerForcedSchema>;
