import { z } from 'zod';
import { breakerStates, healthStatuses } from './enums';
import { dependencyNames, dependencyStates } from './health';
import { upstreamStatuses } from './upstream';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();

const use = z.strictObject({
  calls: count,
  errors: count,
  error_rate: z.number().min(0).max(1).nullable(),
  average_ms: count.nullable(),
  p95_ms: count.nullable(),
});
const trends = z.enum(['improving', 'stable', 'degrading', 'unknown']);

/** Answer of GET /status (spec/orchestration.md 2.2). What only the store knows is null while it is away. */
export const statusResponseSchema = z
  .strictObject({
    timestamp: time,
    version: z.string(),
    environment: z.string(),
    uptime_seconds: count,
    components: z.strictObject({
      dependencies: z.record(z.enum(dependencyNames), z.enum(dependencyStates)),
      registry: z.strictObject({
        /** Of the registry file, as this process has it. */
        version: z.string().nullable(),
        loaded: z.boolean(),
        watching: z.boolean(),
        last_reload: time.nullable(),
        /** Why the file as it is now is not applied; null when it is. */
        last_reload_error: z.string().nullable(),
        endpoints: z.record(z.enum(upstreamStatuses), count),
      }),
      circuit_breakers: z.record(z.enum(breakerStates), count),
      policies: z.strictObject({
        /** `tenant/bundle` → version. */
        bundles: z.record(z.string(), z.string()),
      }),
    }),
    queue: z.strictObject({ open_jobs: count, waiting_jobs: count, running_jobs: count }).nullable(),
    detectors: z.array(
      z.strictObject({
        endpoint_id: z.string(),
        name: z.string(),
        version: z.string(),
        status: z.enum(upstreamStatuses),
        health_status: z.enum(healthStatuses),
        circuit_breaker_state: z.enum(breakerStates),
        /** Of all versions of the name. */
        last_hour: use.nullable(),
        last_24_hours: use.nullable(),
        trend: z.strictObject({
          latency: trends,
          errors: trends,
          use: z.enum(['rising', 'stable', 'falling', 'unknown']),
        }),
        recommendations: z.array(z.string()),
      }),
    ),
    recommendations: z.array(z.string()),
  })
  .meta({ id: 'StatusResponse' });
export type StatusResponse = z.output<typeof statusResponseSchema>;
