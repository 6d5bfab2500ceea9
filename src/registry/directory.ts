import type { Upstream } from '../contract/upstream';

/** What became of the upstreams, by endpoint_id. */
export interface DirectoryChange {
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly removed: readonly string[];
}

/** All upstreams as this process sees them: at most 1 s behind what was acknowledged anywhere, never half applied. */
export interface UpstreamDirectory {
  /** Ordered by endpoint_id; a change gives a new list. */
  readonly upstreams: readonly Upstream[];
  byId(endpointId: string): Upstream | undefined;
  /** A bare name is its highest version that is not disabled. */
  resolve(name: string, version?: string): Upstream | undefined;
  /** @returns how to stop listening */
  onChange(listener: (change: DirectoryChange) => void): () => void;
}
