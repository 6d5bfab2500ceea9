import type { RegistryEntry } from '../../../src/contract/registry-entry';
import type { ConfigStore } from '../../../src/registry/config-source';

/** The store of the registry, in memory: changes one after the other, as the real one makes them. */
export class MemoryStore implements ConfigStore {
  readonly entries = new Map<string, RegistryEntry>();
  readonly config = { generation: 0, digest: '' };
  readonly refusals: unknown[] = [];
  readonly changes: string[] = [];
  readonly beats: string[] = [];
  away = false;
  held: Promise<void> | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  change: ConfigStore['change'] = async (by, decide) => {
    if (this.away) throw new Error('connection lost');
    const mine = this.#queue.then(async () => {
      await this.held;
      const { writes, result, configDigest } = decide([...this.entries.values()], { ...this.config });
      for (const write of writes) {
        if (write.kind === 'put') this.entries.set(write.entry.endpoint_id, write.entry);
        else this.entries.delete(write.id);
      }
      if (configDigest !== undefined && configDigest !== this.config.digest) {
        this.config.generation += 1;
        this.config.digest = configDigest;
      }
      this.changes.push(by.what);
      return result;
    });
    this.#queue = mine.catch(() => undefined);
    return mine;
  };

  configVersion = () => Promise.resolve({ ...this.config });
  rememberRefusal = (version: unknown) => Promise.resolve(void this.refusals.push(version));

  heartbeat(id: string): Promise<boolean> {
    this.beats.push(id);
    return Promise.resolve((this.entries.get(id)?.ttl_seconds ?? null) !== null);
  }

  get ids(): string[] {
    return [...this.entries.keys()].toSorted();
  }
}
