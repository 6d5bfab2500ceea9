import { LRUCache } from 'lru-cache';
import type { BundleHead, ChangedHead } from '../contract/policy-store';
import { type ChangesByOthers, Following } from '../domain/following';
import type { Bundle } from './bundle';

export interface LivePoliciesDependencies extends ChangesByOthers {
  readonly news: () => Promise<readonly ChangedHead[]>;
  /** A bundle out of the store, which is then also where every worker finds it. */
  readonly load: (digest: string) => Promise<Bundle | null>;
  /** Bytes of compiled bundles that stay in memory. */
  readonly maxBytes: number;
}

/**
 * The policies that decide, as this process sees them: heads of all bundles, which are small, and as many bundles as
 * were used lately. Which bundle is active changes in one step; whoever has one in hand keeps it.
 */
export class LivePolicies {
  readonly #heads = new Map<string, ChangedHead>();
  readonly #bundles: LRUCache<string, Bundle>;
  readonly #following: Following;

  constructor(private readonly deps: LivePoliciesDependencies) {
    this.#following = new Following(() => this.#read(), deps);
    this.#bundles = new LRUCache({
      maxSize: deps.maxBytes,
      sizeCalculation: sizeOf,
      fetchMethod: async (digest) => (await deps.load(digest)) ?? undefined,
    });
  }

  start(): Promise<void> {
    return this.#following.start();
  }

  stop(): void {
    this.#following.stop();
  }

  /** Null when nothing decides under this name. @throws when the store cannot give what it says is active */
  async active(tenantId: string, bundle: string): Promise<Bundle | null> {
    const digest = this.head(tenantId, bundle)?.active?.checksum;
    if (digest === undefined) return null;
    const found = this.#bundles.get(digest) ?? (await this.#bundles.fetch(digest));
    if (found) return found;
    throw new Error(`the document ${digest} of policy ${bundle} is not in the store`);
  }

  /** Any that has ever decided. */
  async byDigest(digest: string): Promise<Bundle | null> {
    return (await this.#bundles.fetch(digest)) ?? null;
  }

  head(tenantId: string, bundle: string): BundleHead | null {
    return this.#heads.get(keyOf(tenantId, bundle))?.head ?? null;
  }

  headsOf(tenantId: string): readonly ChangedHead[] {
    return [...this.#heads.values()].filter((one) => one.tenantId === tenantId && !one.head.deleted);
  }

  /** All that decide, of all tenants. */
  get actives(): readonly { readonly tenantId: string; readonly name: string; readonly version: string }[] {
    return [...this.#heads.values()].flatMap(({ tenantId, bundle: name, head: { active } }) =>
      active ? [{ tenantId, name, version: active.version }] : [],
    );
  }

  /** Bundles that are in memory. */
  get resident(): { readonly bundles: number; readonly bytes: number } {
    return { bundles: this.#bundles.size, bytes: this.#bundles.calculatedSize };
  }

  /** Resolves when this process sees all that was committed before the call. */
  refresh(): Promise<void> {
    return this.#following.refresh();
  }

  /** As {@link refresh}, but one that fails leaves what is known to decide until the next. */
  catchUp(): Promise<void> {
    return this.#following.catchUp();
  }

  async #read(): Promise<void> {
    for (const changed of await this.deps.news()) {
      this.#heads.set(keyOf(changed.tenantId, changed.bundle), changed);
    }
  }
}

const fixedBytes = 1024;

function sizeOf({ wasm, policy }: Bundle): number {
  return fixedBytes + (wasm?.byteLength ?? 0) + 2 * JSON.stringify(policy).length;
}

function keyOf(tenantId: string, bundle: string): string {
  return `${tenantId}/${bundle}`;
}
