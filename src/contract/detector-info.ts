import { z } from 'zod';
import { breakerStates, healthStatuses, registryStatuses } from './enums';
import { detectorRegistrationSchema } from './registration';
import { upstreamSources } from './upstream';

const time = z.iso.datetime({ precision: 3 }).nullable();

/** How a detector is doing (spec/orchestration.md 1.10); null: not known. */
const healthFields = {
  health_status: z.enum(healthStatuses),
  is_healthy: z.boolean(),
  circuit_breaker_state: z.enum(breakerStates),
  last_check: time,
  response_time_ms: z.number().nonnegative().nullable(),
  error_message: z.string().nullable(),
  error_rate: z.number().min(0).max(1).nullable(),
  consecutive_failures: z.int().nonnegative(),
  uptime_percentage: z.number().min(0).max(100).nullable(),
};

/** Answer of GET /detectors/{name}/health. */
export const detectorHealthSchema = z
  .strictObject({ detector: z.string(), ...healthFields })
  .meta({ id: 'DetectorHealth' });
export type DetectorHealthFields = Omit<z.output<typeof detectorHealthSchema>, 'detector'>;

// What could hold a credential is not shown: auth_config, and headers or parameters of the call.
const {
  auth_config: _secrets,
  http: _mapping,
  params: _params,
  canary: _canary,
  ...shownFields
} = detectorRegistrationSchema.shape;

/** A detector as it is read: its registration without anything secret, and its state. */
export const detectorInfoSchema = z
  .strictObject({
    ...shownFields,
    detector_type: z.string(),
    status: z.enum(registryStatuses),
    /** Where its registration came from. */
    source: z.enum(upstreamSources),
    ...healthFields,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'DetectorInfo' });
export type DetectorInfo = z.output<typeof detectorInfoSchema>;

/** Answer of GET /detectors. */
export const detectorListSchema = z
  .strictObject({
    detectors: z.array(detectorInfoSchema),
    total_count: z.int().nonnegative(),
    next_page_token: z.string().optional(),
  })
  .meta({ id: 'DetectorList' });
export type DetectorList = z.output<typeof detectorListSchema>;
