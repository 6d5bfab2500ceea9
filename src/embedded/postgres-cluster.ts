import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Account, copyHome, isReachable, postgresHome, serverAccount } from './postgres-binaries';
import { commandLine } from './process-facts';
import { type Progress, SetupError } from './setup-error';

const run = promisify(execFile);
export const superuser = 'postgres';

/** Where a cluster is, which binaries serve it, and as whom. */
export interface ClusterPlace {
  readonly home: string;
  readonly clusterDir: string;
  readonly account: Account | null;
}

/** As root the files go to an account of its own, which must be able to reach them. */
export function choosePlace(dataDir: string, log: Progress): ClusterPlace {
  const home = postgresHome();
  const clusterDir = path.join(dataDir, 'postgres');
  const account =
    ownerOf(clusterDir) ?? ownerOf(path.join(runtimeFolder(dataDir), 'postgres')) ?? serverAccount();
  if (account === null) {
    assertOwned(clusterDir);
    return { home, clusterDir, account };
  }
  if (isReachable(dataDir, account) && isReachable(home, account)) return { home, clusterDir, account };

  const runtimeDir = runtimeFolder(dataDir);
  log(
    `PostgreSQL runs as another user than root, who cannot enter this folder; its files are in ${runtimeDir}`,
  );
  mkdirSync(runtimeDir, { recursive: true });
  for (const open of [path.dirname(runtimeDir), runtimeDir]) chmodSync(open, 0o755);
  const version = createHash('sha256')
    .update(home)
    .update(String(statSync(path.join(home, 'bin')).mtimeMs));
  return {
    home: copyHome(home, path.join('/var/lib/conclave', `postgresql-${version.digest('hex').slice(0, 12)}`)),
    clusterDir: path.join(runtimeDir, 'postgres'),
    account,
  };
}

/** Where the cluster of a data folder is when its account cannot reach that folder. */
export function runtimeFolder(dataDir: string): string {
  return path.join(
    '/var/lib/conclave',
    createHash('sha256').update(path.resolve(dataDir)).digest('hex').slice(0, 12),
  );
}

/** Files that exist keep their owner, whatever accounts this machine has got since. */
function ownerOf(clusterDir: string): Account | null {
  const stat = statSync(clusterDir, { throwIfNoEntry: false });
  return process.getuid?.() !== 0 || stat === undefined || stat.uid === 0
    ? null
    : { uid: stat.uid, gid: stat.gid };
}

function assertOwned(clusterDir: string): void {
  const owner = statSync(clusterDir, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === process.getuid?.()) return;
  throw new SetupError(
    `${clusterDir} belongs to another user (uid ${owner}): Conclave was started here as root before.`,
    `sudo chown -R "$(id -u)" ${path.dirname(clusterDir)}, or start afresh with: npm start -- --reset`,
  );
}

/** initdb works beside the final place and is renamed into it, so that an interrupted one leaves nothing half made. */
export async function initialise(place: ClusterPlace): Promise<string> {
  const unfinished = `${place.clusterDir}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const password = randomBytes(24).toString('base64url');
  const secretDir = mkdtempSync(path.join(tmpdir(), 'conclave-'));
  const secret = path.join(secretDir, 'password');
  writeFileSync(secret, `${password}\n`, { mode: 0o600 });
  if (place.account !== null) {
    for (const owned of [unfinished, secretDir, secret])
      chownSync(owned, place.account.uid, place.account.gid);
  }
  try {
    const flags = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const access = [`--username=${superuser}`, `--pwfile=${secret}`, '--auth=scram-sha-256'];
    const initdb = path.join(place.home, 'bin', 'initdb');
    await run(initdb, [`--pgdata=${unfinished}`, ...flags, ...access], { cwd: '/', ...place.account });
  } catch (error) {
    const output = String((error as { stderr?: unknown }).stderr ?? error).trim();
    throw new SetupError(`PostgreSQL could not make its data folder: ${lastLine(output)}`, remedyReset);
  } finally {
    rmSync(secretDir, { recursive: true, force: true });
  }
  writeFileSync(passwordFile(place), `${password}\n`, { mode: 0o600 });
  chmodSync(passwordFile(place), 0o600);
  renameSync(unfinished, place.clusterDir);
  return password;
}

export const remedyReset = 'move the data aside and start afresh with: npm start -- --reset';
const passwordFile = ({ clusterDir }: ClusterPlace): string => `${clusterDir}.password`;

export function storedPassword(place: ClusterPlace): string {
  try {
    return readFileSync(passwordFile(place), 'utf8').trim();
  } catch {
    throw new SetupError(
      `The password of the database in ${place.clusterDir} is missing (${passwordFile(place)}).`,
      `put that file back, or ${remedyReset}`,
    );
  }
}

/**
 * PostgreSQL clears a postmaster.pid whose process is gone, but not one that is damaged or whose number another program
 * has got since; after a kill -9 in a container that is the usual case.
 */
export function dropStalePid(clusterDir: string): void {
  const file = path.join(clusterDir, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  const running = Number.isInteger(pid) ? commandLine(pid) : '';
  if (running === null) return;
  if (!running.includes(clusterDir)) {
    rmSync(file);
    return;
  }
  throw new SetupError(
    `A PostgreSQL already runs on ${clusterDir} (process ${pid}).`,
    `stop it: kill -INT ${pid}, or choose another folder with ORCHESTRATION_DATA_DIR=<folder>`,
  );
}

function lastLine(text: string): string {
  return text.split('\n').at(-1) ?? text;
}
