import { z } from 'zod';

/** What a facade stands on. */
export const dependencyNames = ['workflow_engine', 'store', 'cache', 'policy_engine', 'mapper'] as const;
export type DependencyName = (typeof dependencyNames)[number];

export const dependencyStates = ['connected', 'disconnected', 'error', 'not_configured'] as const;
export type DependencyState = (typeof dependencyStates)[number];

const identity = {
  timestamp: z.iso.datetime({ precision: 3 }),
  version: z.string(),
  environment: z.string(),
};
const detectorCounts = {
  detectors_total: z.int().nonnegative(),
  detectors_healthy: z.int().nonnegative(),
};

/** Answer of GET /health (spec/orchestration.md 1.12); `pending_jobs` is null when the store cannot tell. */
export const healthResponseSchema = z
  .strictObject({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    ...identity,
    uptime_seconds: z.int().nonnegative(),
    ...detectorCounts,
    pending_jobs: z.int().nonnegative().nullable(),
    dependencies: z.record(z.enum(dependencyNames), z.enum(dependencyStates)),
  })
  .meta({ id: 'HealthResponse' });
export type HealthResponse = z.output<typeof healthResponseSchema>;

/** Answer of GET /health/ready. */
export const readinessResponseSchema = z
  .strictObject({
    status: z.enum(['ready', 'not_ready']),
    ...identity,
    dependencies: z.record(z.enum(dependencyNames), z.boolean()),
    ...detectorCounts,
    min_detectors_ready: z.int().nonnegative(),
  })
  .meta({ id: 'ReadinessResponse' });
export type ReadinessResponse = z.output<typeof readinessResponseSchema>;

/** Answer of GET /health/live. */
export const livenessResponseSchema = z
  .strictObject({ status: z.literal('alive'), timestamp: identity.timestamp })
  .meta({ id: 'LivenessResponse' });
