import type { DetectorRegistration } from './registration';
import type { EndpointConfig, Upstream, UpstreamKind, UpstreamSource } from './upstream';

/** One entry of the registry as it is stored: what was registered, where it came from, what operators made of it. */
export interface RegistryEntry {
  /** Of a tenant's own detector with `<tenant>:` before it. */
  readonly endpoint_id: string;
  readonly kind: UpstreamKind;
  /** Set on kind detector, and only there; its endpoint may still be `builtin:<name>`. */
  readonly detector: DetectorRegistration | null;
  /** Set on every other kind. */
  readonly endpoint: EndpointConfig | null;
  readonly source: UpstreamSource;
  /** Who keeps it up to date: `file`, `api`, `heartbeat`, or the name of a discovery. */
  readonly origin: string;
  readonly status: Upstream['status'];
  /** Share of the requests for a detector's name; weights, when those of all active versions do not sum to 100. */
  readonly traffic_percent: number;
  /** How long it stays without a heartbeat; null: for ever. */
  readonly ttl_seconds: number | null;
  readonly registration_time: string;
  readonly updated_at: string;
}

/** What a change of the registry does to one entry. */
export type RegistryWrite =
  { readonly kind: 'put'; readonly entry: RegistryEntry } | { readonly kind: 'remove'; readonly id: string };
