import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { GatewayError } from '../contract/errors';
import type { RegistryEntry, RegistryWrite } from '../contract/registry-entry';
import { type Listed, nowKnown, planSync, type SyncPlan, unknownOf } from '../domain/registry-sync';
import type { Complete } from './registrar';
import { FileWatch, type FileWatchOptions } from './file-watch';
import {
  describeFault,
  type FileFault,
  listedDetector,
  type ParsedFile,
  parseRegistryFile,
  type RegistryFile,
} from './registry-file';

/** What the registry file needs of the store; {@link Upstreams} has it. */
export interface ConfigStore {
  change<T>(
    by: { readonly requestId: string; readonly correlationId: string | null; readonly what: string },
    decide: (
      entries: readonly RegistryEntry[],
      config: { readonly generation: number; readonly digest: string },
    ) => { readonly writes: readonly RegistryWrite[]; readonly result: T; readonly configDigest?: string },
  ): Promise<T>;
  configVersion(): Promise<{ readonly generation: number; readonly digest: string }>;
  rememberRefusal(version: { readonly generation: number; readonly digest: string }): Promise<void>;
}

export interface ConfigSourceDependencies {
  readonly file: string;
  readonly store: ConfigStore;
  /** What detectors say of themselves, where the file says nothing. */
  readonly complete: Complete;
  /** Called before what is listed is committed. */
  readonly introduce: (listed: readonly Listed[]) => Promise<void>;
  /** Makes what was committed effective here. */
  readonly refresh: () => Promise<void>;
  /** Does what goes by what was committed: at once, or after the commit of what the change is part of. */
  readonly whenCommitted: (task: () => Promise<void>) => Promise<void>;
  /** Told of what has changed. */
  readonly applied: (plan: SyncPlan, version: string) => Promise<void>;
  readonly refused: (faults: readonly string[]) => void;
  readonly newId: () => string;
  readonly now?: () => Date;
  readonly watch?: FileWatchOptions['watch'];
}

export interface Reloaded {
  readonly plan: SyncPlan;
  readonly version: string;
}

/** Who asked for a reload; absent: the file itself, by changing. */
export interface ReloadCause {
  readonly requestId: string;
  readonly correlationId: string;
}

const origin = { source: 'config', origin: 'file' } as const;
const askAgainMs = 60_000;

/** The registry file: watched, and what it lists brought into the store, whole or not at all (spec/gateway.md 2.5). */
export class ConfigSource {
  readonly #watch: FileWatch;
  #current: RegistryFile | null = null;
  #version: string | null = null;
  #lastReload: Date | null = null;
  #lastError: string | null = null;
  /** The text that was read last: one fault is told once. */
  #lastText: string | null = null;
  #reloading = false;
  /** When detectors were asked last what they can do; epoch ms. */
  #askedAt = 0;

  constructor(private readonly deps: ConfigSourceDependencies) {
    this.#watch = new FileWatch({
      file: deps.file,
      changed: () => this.#look(),
      ...(deps.watch ? { watch: deps.watch } : {}),
    });
  }

  /** Loads the file; one that is missing or at fault leaves what the store holds, and is healed by a later one. */
  async start(): Promise<void> {
    await this.#look();
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** Whether this process has ever read a valid file. */
  get loaded(): boolean {
    return this.#current !== null;
  }

  get file(): RegistryFile | null {
    return this.#current;
  }

  get status() {
    return {
      loaded: this.loaded,
      /** Of what this process applied last. */
      version: this.#version,
      configPath: path.basename(this.deps.file),
      lastReload: this.#lastReload,
      lastReloadError: this.#lastError,
      watching: this.#watch.watching,
    };
  }

  /**
   * Reads the file again and makes the registry as it says, undoing what else was done to its entries.
   * @throws GatewayError CONFIG_INVALID, RELOAD_IN_PROGRESS
   */
  async reload(cause: ReloadCause): Promise<Reloaded> {
    return this.#alone(async () => {
      this.#lastText = null;
      const parsed = await this.#read();
      if (!parsed.ok) throw invalid(parsed.faults);
      return this.#apply(parsed.file, true, cause);
    });
  }

  /**
   * Makes the registry as the file said when it was last read.
   * @throws GatewayError CONFIG_NOT_LOADED, RELOAD_IN_PROGRESS
   */
  async sync(cause: ReloadCause): Promise<Reloaded> {
    const file = this.#current;
    if (!file) throw new GatewayError('CONFIG_NOT_LOADED', 'no valid registry file has been read yet');
    return this.#alone(() => this.#apply(file, true, cause));
  }

  /**
   * What is wrong with another file in the folder of this one, or with a document; changes nothing.
   * @returns `outside` when the file is not in that folder
   */
  async validate(
    candidate: { readonly configPath: string } | { readonly document: unknown },
  ): Promise<readonly FileFault[] | 'outside'> {
    if (!('configPath' in candidate)) {
      const { document } = candidate;
      return faultsOf(parseRegistryFile(typeof document === 'string' ? document : JSON.stringify(document)));
    }
    const folder = await realpath(path.dirname(path.resolve(this.deps.file)));
    const file = path.resolve(folder, candidate.configPath);
    if (!isInside(folder, file)) return 'outside';
    try {
      if (!isInside(folder, await realpath(file))) return 'outside';
      return faultsOf(parseRegistryFile(await readFile(file, 'utf8')));
    } catch (error) {
      return [unreadable(error as NodeJS.ErrnoException)];
    }
  }

  async #look(): Promise<void> {
    if (this.#reloading) return;
    try {
      await this.#alone(async () => {
        const parsed = await this.#read();
        if (parsed.ok && parsed.file.digest !== this.#current?.digest)
          await this.#apply(parsed.file, false, null);
      });
      await this.#askAgain();
    } catch (error) {
      // The store may be away; the next look repeats it.
      this.#lastText = null;
      const reason = `the registry could not be changed (${(error as Error).message})`;
      if (reason !== this.#lastError) this.deps.refused([reason]);
      this.#lastError = reason;
    }
  }

  /** What a detector can do that was away when the file was applied; in nobody's way, since it may take its time. */
  async #askAgain(): Promise<void> {
    const at = this.#now();
    if (!this.#current || at.getTime() - this.#askedAt < askAgainMs) return;
    this.#askedAt = at.getTime();
    const { entries: listed } = this.#current;
    const silent = listed.filter(({ detector }) => detector?.capabilities.origin === 'assumed');
    if (silent.length === 0) return;
    const by = { requestId: this.deps.newId(), correlationId: null, what: 'capabilities' };
    const unknown = await this.deps.store.change(by, (entries) => ({
      writes: [],
      result: unknownOf(silent, entries),
    }));
    const asked = await Promise.all(unknown.map((entry) => this.#completed(entry)));
    if (asked.every(({ detector }) => detector?.capabilities.origin === 'assumed')) return;
    const plan = await this.deps.store.change(by, (entries) => {
      const completed = nowKnown(asked, entries, at.toISOString());
      const updated = completed.map(({ endpoint_id: id }) => id);
      return {
        writes: completed.map((entry) => ({ kind: 'put', entry })),
        result: { ...nothing(listed.length - updated.length), updated },
      };
    });
    if (plan.updated.length === 0) return;
    await this.deps.refresh();
    await this.deps.applied(plan, this.#version!);
  }

  #now(): Date {
    return this.deps.now?.() ?? new Date();
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#reloading) throw new GatewayError('RELOAD_IN_PROGRESS', 'the registry file is being read');
    this.#reloading = true;
    try {
      return await work();
    } finally {
      this.#reloading = false;
    }
  }

  /** What a fault leaves behind: the reason, a line in the log, an entry in the history; the registry stays as it is. */
  async #read(): Promise<ParsedFile> {
    const text = await readFile(this.deps.file, 'utf8').catch((error: NodeJS.ErrnoException) => error);
    const parsed =
      typeof text === 'string' ? parseRegistryFile(text) : { ok: false as const, faults: [unreadable(text)] };
    if (parsed.ok) {
      this.#lastText = text as string;
      this.#lastError = null;
      return parsed;
    }
    const seen = typeof text === 'string' ? text : String(text.code);
    if (seen !== this.#lastText) await this.#refuse(parsed.faults);
    this.#lastText = seen;
    return parsed;
  }

  async #refuse(faults: readonly FileFault[]): Promise<void> {
    const described = faults.map(describeFault);
    this.#lastError = described.join('; ');
    this.deps.refused(described);
    await this.deps.store.rememberRefusal(await this.deps.store.configVersion());
  }

  async #completed(entry: Listed): Promise<Listed> {
    return entry.detector ? listedDetector(await this.deps.complete(entry.detector)) : entry;
  }

  /** @param whole also what is not the file's doing: entries that others changed or removed come back */
  async #apply(file: RegistryFile, whole: boolean, cause: ReloadCause | null): Promise<Reloaded> {
    const at = this.#now();
    this.#askedAt = at.getTime();
    const by = {
      requestId: cause?.requestId ?? this.deps.newId(),
      correlationId: cause?.correlationId ?? null,
      what: 'registry file',
    };
    const [listed] = await Promise.all([
      Promise.all(file.entries.map((entry) => this.#completed(entry))),
      this.deps.introduce(file.entries),
    ]);
    const reloaded = await this.deps.store.change(by, (entries, config) => {
      const sameFile = config.digest === file.digest;
      const plan =
        sameFile && !whole
          ? nothing(file.entries.length)
          : planSync(origin, entries, listed, at.toISOString());
      const version = `${sameFile ? config.generation : config.generation + 1}-${file.digest.slice(0, 12)}`;
      return { writes: plan.writes, result: { plan, version }, configDigest: file.digest };
    });
    await this.deps.whenCommitted(async () => {
      await this.deps.refresh();
      this.#current = file;
      this.#version = reloaded.version;
      this.#lastReload = at;
      this.#lastError = null;
    });
    await this.deps.applied(reloaded.plan, reloaded.version);
    return reloaded;
  }
}

function faultsOf(parsed: ParsedFile): readonly FileFault[] {
  return parsed.ok ? [] : parsed.faults;
}

function isInside(folder: string, file: string): boolean {
  return file.startsWith(folder + path.sep);
}

function nothing(unchanged: number): SyncPlan {
  return {
    writes: [],
    added: [],
    updated: [],
    removed: [],
    unchanged,
    takenOver: [],
    errors: [],
  };
}

function unreadable({ code }: NodeJS.ErrnoException): FileFault {
  const message = code === 'ENOENT' ? 'the file does not exist' : `the file cannot be read (${code})`;
  return { path: '', message, line: null, column: null };
}

function invalid(faults: readonly FileFault[]): GatewayError {
  const first = describeFault(faults[0]!);
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new GatewayError('CONFIG_INVALID', `the registry file is invalid: ${first}${more}`, {
    details: { errors: faults },
  });
}
