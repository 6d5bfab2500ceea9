import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process, told from a later one that got the same number by its start time. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

/** Identity of a running process; null when there is none (a zombie counts as gone). */
export function identify(pid: number): ProcessIdentity | null {
  const started = process.platform === 'linux' ? startTicks(pid) : ps(pid, 'lstart');
  return started === null ? null : { pid, started };
}

/** True while this very process runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/** The command line of a process, for messages and for telling our children from strangers; null when unknown. */
export function commandLine(pid: number): string | null {
  if (process.platform !== 'linux') return ps(pid, 'command');
  const text = readOrNull(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim();
  return text === undefined || text === '' ? null : text;
}

/** Number of the process that listens on a TCP port; null when it cannot be told (another user's process, say). */
export function listenerOn(port: number): number | null {
  if (process.platform === 'linux') return linuxListener(port);
  const found = run('lsof', ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN']);
  return found === null ? null : Number.parseInt(found, 10);
}

function startTicks(pid: number): string | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  // The command in parentheses may itself hold spaces and parentheses, so count fields from the last one.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? null : (fields[19] ?? null);
}

function linuxListener(port: number): number | null {
  const inodes = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port)),
  );
  if (inodes.size === 0) return null;
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry) && openSockets(entry).some((inode) => inodes.has(inode))) return Number(entry);
  }
  return null;
}

function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const listening = '0A';
  return (readOrNull(table) ?? '')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) === true && columns[3] === listening)
    .flatMap((columns) => columns[9] ?? []);
}

function openSockets(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => socketInode(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function socketInode(link: string): string[] {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1];
    return inode === undefined ? [] : [inode];
  } catch {
    return [];
  }
}

function ps(pid: number, column: string): string | null {
  return run('ps', ['-o', `${column}=`, '-p', String(pid)]);
}

function run(command: string, args: string[]): string | null {
  try {
    const output = execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return output === '' ? null : output;
  } catch {
    return null;
  }
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
