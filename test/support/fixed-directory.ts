import type { DetectorRegistration } from '../../src/contract/registration';
import { endpointSchema, type Upstream } from '../../src/contract/upstream';
import { detectorEndpointId } from '../../src/contract/endpoint-id';
import type { UpstreamDirectory } from '../../src/registry/directory';

const anyEndpoint = endpointSchema.parse({ url: 'http://localhost' });
const longAgo = new Date(0).toISOString();

/** Detectors that never change, as upstreams. */
export function fixedDirectory(registrations: readonly DetectorRegistration[]): UpstreamDirectory {
  const upstreams = registrations
    .map((detector): Upstream => ({
      endpoint_id: detectorEndpointId(detector),
      config: {
        ...anyEndpoint,
        url: detector.endpoint,
        name: detector.name,
        version: detector.version,
        kind: 'detector',
      },
      detector,
      status: 'active',
      source: 'config',
      registration_time: longAgo,
      updated_at: longAgo,
    }))
    .toSorted((a, b) => (a.endpoint_id < b.endpoint_id ? -1 : 1));
  const byId = new Map(upstreams.map((upstream) => [upstream.endpoint_id, upstream]));
  return {
    upstreams,
    byId: (endpointId) => byId.get(endpointId),
    resolve: (name, version) =>
      upstreams.find(({ config }) => config.name === name && (version ?? config.version) === config.version),
    onChange: () => () => undefined,
  };
}
