import { type FSWatcher, watch as watchPath } from 'node:fs';
import path from 'node:path';

export interface FileWatchOptions {
  readonly file: string;
  /** Told when the file may have changed; never twice at once. */
  readonly changed: () => Promise<void>;
  readonly debounceMs?: number;
  readonly pollMs?: number;
  /** Of the file system; another in tests. */
  readonly watch?: (folder: string, listener: () => void) => Pick<FSWatcher, 'close' | 'on'>;
}

/**
 * Watches the folder of a file, so that a file that is put in its place and a ConfigMap's link that is turned are seen
 * too (spec/gateway.md 2.5, 3). What a change means is for the listener to find out: it is also called now and then,
 * for file systems that tell of nothing.
 */
export class FileWatch {
  #watcher: Pick<FSWatcher, 'close' | 'on'> | null = null;
  #debounce: NodeJS.Timeout | null = null;
  #poll: NodeJS.Timeout | null = null;
  #busy = false;
  #stopped = false;

  constructor(private readonly options: FileWatchOptions) {}

  /** Whether the file system tells of changes; without it they are found by looking. */
  get watching(): boolean {
    return this.#watcher !== null;
  }

  start(): void {
    this.#watch();
    this.#poll = setInterval(() => {
      if (!this.#watcher) this.#watch();
      void this.#tell();
    }, this.options.pollMs ?? 5000).unref();
  }

  stop(): void {
    this.#stopped = true;
    this.#watcher?.close();
    if (this.#debounce) clearTimeout(this.#debounce);
    if (this.#poll) clearInterval(this.#poll);
  }

  #watch(): void {
    const open =
      this.options.watch ?? ((folder, listener) => watchPath(folder, { persistent: false }, listener));
    try {
      const watcher = open(path.dirname(path.resolve(this.options.file)), () => this.#noticed());
      watcher.on('error', () => this.#lost(watcher));
      this.#watcher = watcher;
    } catch {
      this.#watcher = null;
    }
  }

  #lost(watcher: Pick<FSWatcher, 'close'>): void {
    watcher.close();
    if (this.#watcher === watcher) this.#watcher = null;
  }

  #noticed(): void {
    if (this.#stopped) return;
    if (this.#debounce) clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => void this.#tell(), this.options.debounceMs ?? 250).unref();
  }

  async #tell(): Promise<void> {
    // Who changes it during this is heard, or found by the next look.
    if (this.#busy) return this.#noticed();
    this.#busy = true;
    try {
      await this.options.changed();
    } finally {
      this.#busy = false;
    }
  }
}
