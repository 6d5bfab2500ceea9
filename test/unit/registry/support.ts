import type { EndpointConfig, Upstream } from '../../../src/contract/upstream';
import type { DirectoryChange, UpstreamDirectory } from '../../../src/registry/directory';

/** Health and breakers as the contract has them (spec/orchestration.md 4.1). */
export const constants = {
  health_check_interval_seconds: 30,
  suspect_probe_interval_seconds: 5,
  recovery_check_interval_seconds: 60,
  degraded_threshold: 2,
  unhealthy_threshold: 3,
  unhealthy_removal_timeout_seconds: 30,
  circuit_breaker_failure_threshold: 5,
  circuit_breaker_recovery_timeout_seconds: 60,
  half_open_test_requests: 3,
};

/** A directory that a test changes as it likes. */
export function directoryWith(endpoints: Readonly<Record<string, EndpointConfig>>) {
  const upstreams = new Map<string, Upstream>();
  const listeners = new Set<(change: DirectoryChange) => void>();
  const nothing: DirectoryChange = { added: [], updated: [], removed: [] };
  const tell = (change: Partial<DirectoryChange>) =>
    listeners.forEach((listener) => listener({ ...nothing, ...change }));

  function set(endpoint_id: string, config: EndpointConfig): void {
    const known = upstreams.has(endpoint_id);
    const at = new Date(0).toISOString();
    upstreams.set(endpoint_id, {
      endpoint_id,
      config,
      detector: null,
      status: 'active',
      source: 'manual',
      registration_time: at,
      updated_at: at,
    });
    tell(known ? { updated: [endpoint_id] } : { added: [endpoint_id] });
  }

  function remove(endpointId: string): void {
    upstreams.delete(endpointId);
    tell({ removed: [endpointId] });
  }

  for (const [id, config] of Object.entries(endpoints)) set(id, config);
  return {
    get upstreams() {
      return [...upstreams.values()].toSorted((a, b) => (a.endpoint_id < b.endpoint_id ? -1 : 1));
    },
    byId: (endpointId) => upstreams.get(endpointId),
    resolve: (name) => upstreams.get(name),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set,
    remove,
  } satisfies UpstreamDirectory & Record<'set' | 'remove', unknown>;
}
