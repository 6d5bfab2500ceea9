import { LRUCache } from 'lru-cache';
import type { DetectorRegistration } from '../contract/registration';
import { planSync, type SyncPlan } from '../domain/registry-sync';
import type { ConfigStore } from './config-source';
import type { Complete } from './registrar';
import { listedDetector } from './registry-file';

/** Somewhere that detectors are announced. */
export interface DiscoverySource {
  /** Its entries are told apart by it; never changes. */
  readonly name: string;
  /**
   * Tells what is there, now and whenever that changes. While it cannot find out it tells nothing: what was found stays.
   * @returns how to end it
   */
  watch(
    found: (detectors: readonly DetectorRegistration[]) => void,
    failed: (error: unknown) => void,
  ): () => void;
}

export interface DiscoveryDependencies {
  readonly sources: readonly DiscoverySource[];
  readonly store: Pick<ConfigStore, 'change'>;
  /** What a detector says of itself, where it is not announced. */
  readonly complete: Complete;
  readonly refresh: () => Promise<void>;
  readonly applied: (plan: SyncPlan, source: string) => Promise<void>;
  readonly failed: (source: string, error: unknown) => void;
  readonly newId: () => string;
}

/** Brings what discoveries find into the registry, and takes out what they find no more (spec/orchestration.md 9.5). */
export class Discovery {
  readonly #ends: (() => void)[] = [];
  /** One change of a source after the other, so that an older finding never comes last. */
  readonly #last = new Map<string, Promise<void>>();
  /** What detectors have said, by how they are announced: announcements come again and again. */
  readonly #said = new LRUCache<string, DetectorRegistration>({ max: 10_000 });

  constructor(private readonly deps: DiscoveryDependencies) {}

  start(): void {
    for (const source of this.deps.sources) {
      const failed = (error: unknown) => this.deps.failed(source.name, error);
      const found = (detectors: readonly DetectorRegistration[]) => {
        const before = this.#last.get(source.name) ?? Promise.resolve();
        this.#last.set(source.name, before.then(() => this.#apply(source.name, detectors)).catch(failed));
      };
      this.#ends.push(source.watch(found, failed));
    }
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await Promise.all(this.#last.values());
  }

  async #completed(detector: DetectorRegistration): Promise<DetectorRegistration> {
    const announced = JSON.stringify(detector);
    const known = this.#said.get(announced);
    if (known) return known;
    const completed = await this.deps.complete(detector);
    if (completed.capabilities.origin === 'fetched') this.#said.set(announced, completed);
    return completed;
  }

  async #apply(name: string, detectors: readonly DetectorRegistration[]): Promise<void> {
    const completed = await Promise.all(detectors.map((detector) => this.#completed(detector)));
    const by = { requestId: this.deps.newId(), correlationId: null, what: `discovery ${name}` };
    const plan = await this.deps.store.change(by, (entries) => {
      const origin = { source: 'discovery', origin: name } as const;
      // Who registered a detector by hand or by file knows better.
      const taken = new Set(
        entries.filter((entry) => entry.origin !== name).map(({ endpoint_id: id }) => id),
      );
      const listed = completed.map(listedDetector).filter(({ endpoint_id: id }) => !taken.has(id));
      const result = planSync(origin, entries, listed, new Date().toISOString());
      return { writes: result.writes, result };
    });
    if (plan.writes.length === 0) return;
    await this.deps.refresh();
    await this.deps.applied(plan, name);
  }
}
