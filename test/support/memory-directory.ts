import type { z } from 'zod';
import { endpointSchema, type Upstream } from '../../src/contract/upstream';
import type { DirectoryChange, UpstreamDirectory } from '../../src/registry/directory';

type Fields = z.input<typeof endpointSchema> & { readonly status?: Upstream['status'] };

/** Upstreams that a test puts in and takes out. */
export class MemoryDirectory implements UpstreamDirectory {
  readonly #byId = new Map<string, Upstream>();
  readonly #listeners = new Set<(change: DirectoryChange) => void>();

  get upstreams(): readonly Upstream[] {
    return [...this.#byId.values()].toSorted((a, b) => (a.endpoint_id < b.endpoint_id ? -1 : 1));
  }

  byId(endpointId: string): Upstream | undefined {
    return this.#byId.get(endpointId);
  }

  resolve(name: string, version?: string): Upstream | undefined {
    return this.upstreams
      .filter(
        ({ config, status }) =>
          config.name === name && (version ?? config.version) === config.version && status !== 'disabled',
      )
      .toSorted((a, b) => ((a.config.version ?? '') < (b.config.version ?? '') ? 1 : -1))[0];
  }

  onChange(listener: (change: DirectoryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  put({ status = 'active', ...fields }: Fields): Upstream {
    const config = endpointSchema.parse(fields);
    const id = config.version === undefined ? config.name! : `${config.name}@${config.version}`;
    const known = this.#byId.has(id);
    const upstream: Upstream = {
      endpoint_id: id,
      config,
      detector: null,
      status,
      source: 'manual',
      registration_time: '2026-01-01T00:00:00.000Z',
      updated_at: '2026-01-01T00:00:00.000Z',
    };
    this.#byId.set(id, upstream);
    this.#tell(known ? { added: [], updated: [id], removed: [] } : { added: [id], updated: [], removed: [] });
    return upstream;
  }

  remove(endpointId: string): void {
    this.#byId.delete(endpointId);
    this.#tell({ added: [], updated: [], removed: [endpointId] });
  }

  clear(): void {
    for (const { endpoint_id } of this.upstreams) this.remove(endpoint_id);
  }

  #tell(change: DirectoryChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
