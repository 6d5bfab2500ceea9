import type { Shadow } from '../contract/shadow';
import { Rereading } from '../domain/rereading';
import { shadowStatus } from '../domain/shadow';

export interface LiveShadowsDependencies {
  readonly news: () => Promise<readonly Shadow[]>;
  /** Calls when another process has changed one, or when that may have been missed. */
  readonly onHint: (listener: () => void) => void;
  /** Hears why a look has failed, once until one succeeds. */
  readonly failed: (error: unknown) => void;
  /** The version that decides. */
  readonly activeVersion: (tenantId: string, bundle: string) => string | null;
  readonly now: () => number;
  readonly lookEveryMs?: number;
}

const lookEveryMs = 400;

/** The shadows of all bundles as this process sees them. */
export class LiveShadows {
  readonly #shadows = new Map<string, Shadow>();
  readonly #rereading = new Rereading(
    () => this.#read(),
    (error) => this.deps.failed(error),
  );
  #timer: NodeJS.Timeout | null = null;

  constructor(private readonly deps: LiveShadowsDependencies) {}

  async start(): Promise<void> {
    this.deps.onHint(() => void this.catchUp());
    await this.#rereading.refresh();
    this.#timer = setInterval(() => void this.catchUp(), this.deps.lookEveryMs ?? lookEveryMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
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
    return this.#rereading.catchUp();
  }

  async #read(): Promise<void> {
    for (const shadow of await this.deps.news())
      this.#shadows.set(keyOf(shadow.tenantId, shadow.bundle), shadow);
  }
}

function keyOf(tenantId: string, bundle: string): string {
  return `${tenantId}/${bundle}`;
}
