import { endpointIdOf } from '../contract/endpoint-id';
import type { DetectorRegistration } from '../contract/registration';
import type { RegistryEntry } from '../contract/registry-entry';
import type { Upstream } from '../contract/upstream';
import { alphabetically } from '../domain/compare';
import { Rereading } from '../domain/rereading';
import { byVersion } from '../domain/versions';
import type { DirectoryChange, UpstreamDirectory } from './directory';
import { type Detectors, DetectorRegistry } from './registry';
import { upstreamOf } from './upstream-of';

/** Where the registry is kept for all processes. */
export interface RegistryStore {
  read(): Promise<{
    readonly generation: number;
    readonly upstreams: readonly { readonly entry: RegistryEntry; readonly generation: number }[];
    readonly unreadable: readonly string[];
  }>;
  look(): Promise<{ readonly generation: number; readonly expired: boolean }>;
}

export interface LiveRegistryDependencies {
  readonly store: RegistryStore;
  /** Calls when another process has changed the registry, or when that may have been missed. */
  readonly onHint: (listener: () => void) => void;
  /** Asked for when entries have outlived their last sign of life. */
  readonly expire: () => Promise<unknown>;
  /** Where `builtin:<name>` endpoints lead. */
  readonly builtinUrl: string;
  readonly report: (unreadable: readonly string[]) => void;
}

/** All of one moment; replaced as a whole. */
interface Snapshot {
  readonly generation: number;
  readonly upstreams: readonly Upstream[];
  readonly byId: ReadonlyMap<string, Upstream>;
  /** Bare names, as whoever runs the service means them: the highest version that is not disabled. */
  readonly byName: ReadonlyMap<string, Upstream>;
  readonly stamps: ReadonlyMap<string, number>;
  readonly detectors: DetectorRegistry;
}

const lookEveryMs = 400;
const empty: Snapshot = {
  generation: -1,
  upstreams: [],
  byId: new Map(),
  byName: new Map(),
  stamps: new Map(),
  detectors: new DetectorRegistry([]),
};

/**
 * The registry as this process sees it: a snapshot of what the store holds, taken anew when another process says that
 * it has changed something, and when a look now and then finds that it has.
 */
export class LiveRegistry implements UpstreamDirectory, Detectors {
  readonly #listeners = new Set<(change: DirectoryChange) => void>();
  #snapshot = empty;
  readonly #rereading = new Rereading(() => this.#read());
  #timer: NodeJS.Timeout | null = null;
  #prepare: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly deps: LiveRegistryDependencies) {}

  /** Called before a change takes effect here, which waits for it. */
  beforeChange(prepare: () => Promise<void>): void {
    this.#prepare = prepare;
  }

  async start(): Promise<void> {
    this.deps.onHint(() => void this.refresh().catch(() => undefined));
    await this.refresh();
    this.#timer = setInterval(() => void this.#look().catch(() => undefined), lookEveryMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  get upstreams(): readonly Upstream[] {
    return this.#snapshot.upstreams;
  }

  get registrations(): readonly DetectorRegistration[] {
    return this.#snapshot.detectors.registrations;
  }

  visibleTo(tenantId: string, key?: string): readonly DetectorRegistration[] {
    return this.#snapshot.detectors.visibleTo(tenantId, key);
  }

  byId(endpointId: string): Upstream | undefined {
    return this.#snapshot.byId.get(endpointId);
  }

  resolve(name: string, version?: string): Upstream | undefined {
    if (version !== undefined) return this.byId(endpointIdOf(name, version));
    return this.#snapshot.byName.get(name);
  }

  onChange(listener: (change: DirectoryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when this process sees all that was committed before the call. */
  async refresh(): Promise<void> {
    await this.#rereading.refresh();
  }

  async #read(): Promise<void> {
    const read = await this.deps.store.read();
    if (read.generation === this.#snapshot.generation) return;
    if (read.unreadable.length > 0) this.deps.report(read.unreadable);
    await this.#prepare();
    this.#take(snapshotOf(read, this.#snapshot, this.deps.builtinUrl));
  }

  async #look(): Promise<void> {
    const { generation, expired } = await this.deps.store.look();
    if (expired) await this.deps.expire();
    if (expired || generation !== this.#snapshot.generation) await this.refresh();
  }

  #take(next: Snapshot): void {
    const change = changeBetween(this.#snapshot, next);
    this.#snapshot = next;
    for (const listener of this.#listeners) listener(change);
  }
}

type Read = Awaited<ReturnType<RegistryStore['read']>>;

/** What has not changed stays the same object, so that what others derived from it stays good. */
function snapshotOf(read: Read, before: Snapshot, builtinUrl: string): Snapshot {
  const stored = read.upstreams.toSorted((a, b) => alphabetically(a.entry.endpoint_id, b.entry.endpoint_id));
  const unchanged = ({ entry, generation }: Read['upstreams'][number]): boolean =>
    before.stamps.get(entry.endpoint_id) === generation;
  const upstreams = stored.map((one) =>
    unchanged(one) ? before.byId.get(one.entry.endpoint_id)! : upstreamOf(one.entry, builtinUrl),
  );
  const detectors = stored.filter(({ entry }) => entry.kind === 'detector');
  const sameDetectors =
    detectors.every(unchanged) &&
    detectors.length === before.upstreams.filter(({ config }) => config.kind === 'detector').length;
  return {
    generation: read.generation,
    upstreams,
    byId: new Map(upstreams.map((upstream) => [upstream.endpoint_id, upstream])),
    byName: highestByName(upstreams),
    stamps: new Map(stored.map(({ entry, generation }) => [entry.endpoint_id, generation])),
    detectors: sameDetectors ? before.detectors : registryOf(upstreams),
  };
}

function highestByName(upstreams: readonly Upstream[]): Map<string, Upstream> {
  const named = upstreams.flatMap((upstream) => {
    const { config, detector, status } = upstream;
    const isMeant = config.name !== undefined && detector?.tenant_id === undefined && status !== 'disabled';
    return isMeant ? [[config.name!, upstream] as const] : [];
  });
  // Of a name the last one stands.
  return new Map(
    named.toSorted(([, a], [, b]) => byVersion(a.config.version ?? '0', b.config.version ?? '0')),
  );
}

function registryOf(upstreams: readonly Upstream[]): DetectorRegistry {
  return new DetectorRegistry(
    upstreams.flatMap(({ detector, status }) =>
      detector && status === 'active' ? { registration: detector, percent: detector.traffic_percent } : [],
    ),
  );
}

function changeBetween(before: Snapshot, next: Snapshot): DirectoryChange {
  const ids = [...next.stamps.keys()];
  return {
    added: ids.filter((id) => !before.stamps.has(id)),
    updated: ids.filter((id) => before.stamps.has(id) && before.stamps.get(id) !== next.stamps.get(id)),
    removed: [...before.stamps.keys()].filter((id) => !next.stamps.has(id)),
  };
}
