import type { DetectorRegistration } from '../contract/registration';
import type { RegistryEntry } from '../contract/registry-entry';
import { type EndpointConfig, endpointSchema, type Upstream } from '../contract/upstream';

/** An entry as everybody uses it: whatever its kind, it has an address and the settings of an endpoint. */
export function upstreamOf(entry: RegistryEntry, builtinUrl: string): Upstream {
  const detector = entry.detector && {
    ...resolveBuiltin(entry.detector, builtinUrl),
    traffic_percent: entry.traffic_percent,
  };
  return {
    endpoint_id: entry.endpoint_id,
    config: detector ? endpointConfigOf(detector) : entry.endpoint!,
    detector,
    status: entry.status,
    source: entry.source,
    registration_time: entry.registration_time,
    updated_at: entry.updated_at,
  };
}

/** Leads `builtin:<name>` to the builtin detector service, under its name there. */
export function resolveBuiltin(registration: DetectorRegistration, builtinUrl: string): DetectorRegistration {
  const [, id] = /^builtin:(.+)$/.exec(registration.endpoint) ?? [];
  if (id === undefined) return registration;
  return { ...registration, endpoint: builtinUrl, detector_id: registration.detector_id ?? id };
}

const anyEndpoint = endpointSchema.parse({ url: 'http://localhost' });
/** A detector that is unhealthy for so long is skipped (spec/gateway.md 2.2). */
const removeDetectorAfter = 30;

function endpointConfigOf(detector: DetectorRegistration): EndpointConfig {
  return {
    ...anyEndpoint,
    url: detector.endpoint,
    name: detector.name,
    version: detector.version,
    kind: 'detector',
    ...(detector.pool === undefined ? {} : { group: detector.pool }),
    methods: ['POST'],
    auth_type: detector.auth_type,
    auth_config: detector.auth_config,
    // Callers show theirs to Conclave; detectors get those of their registration.
    forward_credentials: false,
    timeout: detector.timeout_ms / 1000,
    retries: detector.max_retries,
    health_check_path: detector.health_check_path,
    health_check: {
      ...anyEndpoint.health_check,
      path: detector.health_check_path,
      remove_after: removeDetectorAfter,
    },
  };
}
