import type { Shadow } from '../contract/shadow';
import { type ChangesByOthers, Following } from '../domain/following';
import { shadowStatus } from '../domain/shadow';

export interface LiveShadowsDependencies extends ChangesByOthers {
  readonly news: () => Promise<readonly Shadow[]>;
  /** The version that decides. */
  readonly activeVersion: (tenantId: string, bundle: string) => string | null;
  readonly now: () => number;
}

/** The shadows of all bundles as this process sees them. */
export class LiveShadows {
  readonly #shadows = new Map<string, Shadow>();
  readonly #following: Following;

  constructor(private readonly deps: LiveShadowsDependencies) {
    this.#following = new Following(() => this.#read(), deps);
  }

  start(): Promise<void> {
    return this.#following.start();
  }

  stop(): void {
    this.#following.stop();
  }

  /** The last of a bundle; null: it never had one. */
  of(tenantId: string, bundle: string): Shadow | null {
    return this.#shadows.get(keyOf(tenantId, bundle)) ?? null;
  }

  /** The one that judges beside the bundle now. */
  running(tenantId: string, bundle: string): Shadow | null {
    const shadow = this.#shadows.size === 0 ? null : this.of(tenantId, bundle);
    return shadow && this.statusOf(shadow) === 'running' ? shadow : null;
  }

  statusOf(shadow: Shadow): ReturnType<typeof shadowStatus> {
    return shadowStatus(shadow, this.deps.activeVersion(shadow.tenantId, shadow.bundle), this.deps.now());
  }

  /** Resolves when this process sees all that was committed before the call; one that fails leaves what is known. */
  catchUp(): Promise<void> {
    return this.#following.catchUp();
  }

  async #read(): Promise<void> {
    for (const shadow of await this.deps.news())
      this.#shadows.set(keyOf(shadow.tenantId, shadow.bundle), shadow);
  }
}

function keyOf(tenantId: string, bundle: string): string {
  return `${tenantId}/${bundle}`;
}
