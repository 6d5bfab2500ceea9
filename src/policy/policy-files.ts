import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  bundleStateSchema,
  type ChangedHead,
  type CommitOutcome,
  type PolicyCommit,
  type StoredState,
} from '../contract/policy-store';
import { headOf } from '../domain/policy-lifecycle';
import type { OnUnreadable, PolicyBackend } from './policy-backend';

/** Puts a change on record and calls `write` as part of it. */
export type OnRecord = (change: PolicyCommit, write: () => Promise<CommitOutcome>) => Promise<CommitOutcome>;

const keptRevisions = 20;
/** A process that died between a change and its mark is made up for by looking at everything now and then. */
const lookAtAllEvery = 25;

/**
 * Versions of policies as files, for any number of processes on one folder:
 *
 *     states/<tenant>/<bundle>/<revision>.json   all versions of a bundle; the highest revision counts
 *     documents/<digest>                         what a version says
 *     mark                                       another text after every change
 *
 * A change is a file of the next revision, which a hard link brings about: of two that make the same one, one fails.
 */
export class PolicyFiles implements PolicyBackend {
  readonly kind = 'file';
  readonly #known = new Map<string, string>();
  #mark: string | null = null;
  #looks = 0;

  constructor(
    private readonly dir: string,
    private readonly onRecord: OnRecord,
    private readonly unreadable: OnUnreadable,
  ) {}

  async read(tenantId: string, bundle: string): Promise<StoredState | null> {
    const folder = this.#folderOf(tenantId, bundle);
    const revision = await latestIn(folder);
    return revision === null ? null : readState(folder, revision, tenantId, bundle);
  }

  async commit(change: PolicyCommit): Promise<CommitOutcome> {
    const documents = join(this.dir, 'documents');
    await mkdir(documents, { recursive: true });
    const other: PolicyCommit['documents'][number][] = [];
    for (const document of change.documents) {
      if (!(await placed(join(documents, document.digest), document.document))) other.push(document);
    }
    return this.onRecord(change, async () => {
      const outcome = await this.#write(change);
      if (outcome !== 'committed') return outcome;
      // Of a change that came to nothing: its tests, which digests leave out, may be others.
      for (const { digest, document } of other) await replace(join(documents, digest), document);
      return outcome;
    });
  }

  async news(): Promise<readonly ChangedHead[]> {
    const mark = await readOr(join(this.dir, 'mark'), '');
    this.#looks += 1;
    if (mark === this.#mark && this.#looks % lookAtAllEvery !== 0) return [];
    const changed: ChangedHead[] = [];
    for (const tenantId of await namesIn(join(this.dir, 'states'))) {
      for (const bundle of await this.#bundlesOf(tenantId)) {
        try {
          changed.push(...(await this.#newsOf(tenantId, bundle)));
        } catch (error) {
          this.unreadable(tenantId, bundle, error);
        }
      }
    }
    this.#mark = mark;
    return changed;
  }

  async #bundlesOf(tenantId: string): Promise<string[]> {
    try {
      return await namesIn(join(this.dir, 'states', tenantId));
    } catch (error) {
      this.unreadable(tenantId, null, error);
      return [];
    }
  }

  async #newsOf(tenantId: string, bundle: string): Promise<ChangedHead[]> {
    const folder = this.#folderOf(tenantId, bundle);
    const revision = await latestIn(folder);
    if (revision === null || this.#known.get(folder) === revision) return [];
    const { state } = await readState(folder, revision, tenantId, bundle);
    const head = headOf(state);
    this.#known.set(folder, revision);
    return [{ tenantId, bundle, head }];
  }

  async document(digest: string): Promise<Buffer | null> {
    return readFile(join(this.dir, 'documents', digest)).catch(absent);
  }

  async #write(change: PolicyCommit): Promise<CommitOutcome> {
    const { tenantId, bundle, expectedRevision, state, maxBundles } = change;
    const folder = this.#folderOf(tenantId, bundle);
    await mkdir(folder, { recursive: true });
    if ((await latestIn(folder)) !== expectedRevision) return 'stale';
    if (maxBundles !== undefined && (await this.#others(tenantId, bundle)) >= maxBundles) return 'full';
    const draft = join(folder, `.${randomUUID()}`);
    await writeDurably(draft, JSON.stringify(state, null, 1));
    const revision = Number(expectedRevision ?? 0) + 1;
    try {
      await link(draft, fileOf(folder, String(revision)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'stale';
      throw error;
    } finally {
      await unlink(draft);
    }
    if (Number(await latestIn(folder)) >= revision + keptRevisions) {
      // So many others were faster that this revision was there, and was dropped.
      await unlink(fileOf(folder, String(revision)));
      return 'stale';
    }
    await rm(fileOf(folder, String(revision - keptRevisions)), { force: true });
    // Before anybody hears of the change.
    await replace(join(this.dir, 'mark'), randomUUID());
    return 'committed';
  }

  /** Bundles of the tenant beside one. */
  async #others(tenantId: string, bundle: string): Promise<number> {
    const names = (await namesIn(join(this.dir, 'states', tenantId))).filter((name) => name !== bundle);
    const stored = await Promise.all(names.map((name) => this.read(tenantId, name)));
    return stored.filter((one) => one !== null && one.state.deleted_at === null).length;
  }

  #folderOf(tenantId: string, bundle: string): string {
    return join(this.dir, 'states', tenantId, bundle);
  }
}

function fileOf(folder: string, revision: string): string {
  return join(folder, `${revision.padStart(10, '0')}.json`);
}

async function latestIn(folder: string): Promise<string | null> {
  const names = (await namesIn(folder)).filter((name) => /^\d{10}\.json$/.test(name));
  const latest = names.toSorted().at(-1);
  return latest === undefined ? null : String(Number.parseInt(latest, 10));
}

async function readState(
  folder: string,
  revision: string,
  tenantId: string,
  bundle: string,
): Promise<StoredState> {
  const text = await readFile(fileOf(folder, revision), 'utf8');
  const state = bundleStateSchema.parse(JSON.parse(text));
  // On a disk that does not tell A from a, another bundle may lie there.
  if (state.tenant_id === tenantId && state.policy_bundle === bundle) return { state, revision };
  throw new Error(`${folder} holds the bundle ${state.tenant_id}/${state.policy_bundle}`);
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(absent)) ?? [];
}

async function readOr(file: string, otherwise: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(absent)) ?? otherwise;
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

async function writeDurably(file: string, content: string | Buffer): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether it was not there before; what is there stays. */
async function placed(file: string, content: Buffer): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  await writeDurably(draft, content);
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

/** Readers see the old content or the new one. */
async function replace(file: string, content: string | Buffer): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  await writeDurably(draft, content);
  await rename(draft, file);
}
