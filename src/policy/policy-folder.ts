import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nextVersion } from '../domain/policy-lifecycle';
import { type Bundle, bundleDigest, isRegoTest } from './bundle';
import type { RegoTexts } from './bundle-document';
import { readFixtures } from './fixtures';
import { allBundles, bundleFolders, type BundleFolder, problemsOf, readBundle } from './load';
import { OpaUnavailable } from './opa-unavailable';
import type { PolicyChanges } from './policy-changes';
import type { PolicyCompiler } from './policy-compiler';
import { formatProblem, PolicyCompileError, type PolicyProblem } from './problem';
import { readRegoSources } from './rego-sources';
import { isNewVersion, renumbered, withBundle } from './version-records';

/** A bundle in the folder that was not taken in, and why. */
export interface RefusedFolder {
  readonly tenant: string;
  readonly bundle: string;
  readonly problems: readonly PolicyProblem[];
  /** Whether nothing is wrong with it: it could not be compiled now, and is tried again. */
  readonly postponed: boolean;
  readonly since: Date;
}

export interface PolicyFolderDependencies {
  /** Holds `<tenant>/<bundle>/policy.yaml`. */
  readonly dir: string;
  readonly changes: PolicyChanges;
  readonly compiler: Pick<PolicyCompiler, 'compile'>;
  /** Whether a bundle that the store knows already is changed when its folder is. */
  readonly follows: boolean;
  /** Of tenants that are gone nothing is taken in. */
  readonly ignored: (tenant: string) => boolean;
  /** The digest of the folder's texts that the store took in last; null: it knows no such bundle. */
  readonly takenIn: (tenant: string, bundle: string) => string | null;
  readonly refused: (refused: RefusedFolder) => void;
  readonly took: (tenant: string, bundle: string, asked: string, version: string) => void;
}

/**
 * Bundles that people edit as files: what has changed in the folder becomes a version that decides, since who may write
 * there needs nobody's approval. What is at fault is refused and told once; what the store has goes on deciding. A bundle
 * that is gone from the folder stays until it is deleted: a folder that is not mounted must not open the gates.
 */
export class PolicyFolder {
  readonly #refused = new Map<string, RefusedFolder>();
  readonly #seen = new Map<string, string>();
  #looking: Promise<void> | null = null;

  constructor(private readonly deps: PolicyFolderDependencies) {}

  refusedOf(tenant: string): readonly RefusedFolder[] {
    return [...this.#refused.values()].filter((refused) => refused.tenant === tenant);
  }

  /** @throws when the folder cannot be read */
  async look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    const there = new Set<string>();
    const folders = await bundleFolders(this.deps.dir, (tenant, error) => {
      const whole = { tenant, bundle: allBundles, dir: join(this.deps.dir, tenant) };
      this.#refuse(whole, error);
      there.add(keyOf(whole));
    }).catch((error: NodeJS.ErrnoException) => {
      // A store that does not follow its folder needs none.
      if (error.code === 'ENOENT' && !this.deps.follows) return [];
      throw error;
    });
    for (const folder of folders) if (!this.deps.ignored(folder.tenant)) await this.#lookAgainAt(folder);
    for (const folder of folders) there.add(keyOf(folder));
    for (const key of this.#refused.keys()) if (!there.has(key)) this.#refused.delete(key);
  }

  /** Whose files are those of the last look is not read again, unless it failed for a reason that is not in them. */
  async #lookAgainAt(folder: BundleFolder): Promise<void> {
    const key = keyOf(folder);
    try {
      const signature = await signatureOf(folder.dir);
      if (this.#seen.get(key) === signature) return;
      this.#seen.set(key, signature);
      await this.#lookAt(folder);
      this.#refused.delete(key);
    } catch (error) {
      if (!(error instanceof PolicyCompileError)) this.#seen.delete(key);
      this.#refuse(folder, error);
    }
  }

  async #lookAt(folder: BundleFolder): Promise<void> {
    const takenIn = this.deps.takenIn(folder.tenant, folder.bundle);
    if (takenIn !== null && !this.deps.follows) return;
    const texts = await readBundle(folder);
    const digest = bundleDigest(texts.policy, texts.sources);
    if (takenIn === digest) return;
    const all = await readRegoSources(folder.dir, texts.policy.rego_policy_path ?? '.', 'with tests');
    const bundle = await this.deps.compiler.compile(texts);
    const kept = {
      sources: texts.sources,
      tests: all.filter(({ path }) => isRegoTest(path)),
      // What is wrong with them is for `validate` to say: they run neither here nor at a start.
      fixtures: await readFixtures(folder.dir).catch(() => []),
    };
    await this.#takeIn(bundle, kept, digest);
  }

  async #takeIn(bundle: Bundle, texts: RegoTexts, digest: string): Promise<void> {
    const { tenant_id, policy_bundle, version: asked } = bundle.policy;
    const name = { tenant_id, policy_bundle };
    const by = { principal: 'folder', requestId: randomUUID(), correlationId: null };
    const taken = await this.deps.changes.change(name, by, 'folder', {}, (state) => {
      // Another process was faster.
      if (state && (state.folder_digest === digest || !this.deps.follows)) return null;
      const version = isNewVersion(state, asked) ? asked : nextVersion(state);
      const about = {
        status: 'approved',
        created_by: by.principal,
        description: 'as the folder says',
        origin: 'folder',
        conflict_warnings: [],
      } as const;
      const numbered = { bundle: renumbered(bundle, texts, version), texts };
      const made = withBundle(state, name, numbered, about, new Date().toISOString());
      return { ...made, state: { ...made.state, folder_digest: digest } };
    });
    if (taken) this.deps.took(tenant_id, policy_bundle, asked, taken.version);
  }

  #refuse(folder: BundleFolder, error: unknown): void {
    const problems = problemsOf(error);
    const postponed = error instanceof OpaUnavailable;
    const known = this.#refused.get(keyOf(folder));
    const same = known?.problems.map(formatProblem).join() === problems.map(formatProblem).join();
    const refused = { ...folder, problems, postponed, since: same && known ? known.since : new Date() };
    this.#refused.set(keyOf(folder), refused);
    if (!same) this.deps.refused(refused);
  }
}

function keyOf({ tenant, bundle }: BundleFolder): string {
  return `${tenant}/${bundle}`;
}

/** Another text when a file under the folder is another, as far as can be told without reading it. */
async function signatureOf(dir: string): Promise<string> {
  const files = (await readdir(dir, { recursive: true })).toSorted();
  const stats = await Promise.all(
    files.map(async (file) => {
      const found = await stat(join(dir, file)).catch(() => null);
      return found && `${file} ${found.ino} ${found.size} ${found.mtimeMs}`;
    }),
  );
  return stats.join();
}
