import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { identify, isRunning, type ProcessIdentity } from './process-facts';
import { SetupError } from './setup-error';

export interface ChildOptions {
  /** What messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The user it runs as, where it must not be ours. */
  readonly account?: { readonly uid: number; readonly gid: number };
  readonly logFile: string;
  /** Remembers the child, so that the next start finds it after a crash of ours. */
  readonly pidFile: string;
  /** What asks it to stop in order. */
  readonly stopSignal: NodeJS.Signals;
}

export interface Child {
  readonly pid: number;
  /** Resolves, never rejects, with how it ended, as in "exit code 1". */
  readonly exited: Promise<string>;
  /** Asks it to stop, kills it after `graceMs`, resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
  /** What it wrote to its log since this start (at most the last 16 KiB). */
  recentLog(): string;
}

/**
 * The child gets a process group of its own, so that Ctrl-C reaches only us and we stop things in order. Before it becomes
 * the child, the shell leaves a watcher behind on a pipe from us: when we die, even by kill -9, the pipe ends without a
 * line and the watcher stops the child; when the child ends first, we write the line and the watcher goes.
 */
const guard = '( ( read -r _ <&3 || kill -s "$0" $$ ) & ); exec 3<&-; exec "$@"';

const defaultGraceMs = 20_000;
const logLimitBytes = 16 * 1024 * 1024;

/** Starts a server as a child that dies with us. */
export function startChild(options: ChildOptions): Child {
  const log = openLog(options.logFile);
  const child = spawn(
    'sh',
    ['-c', guard, options.stopSignal.replace('SIG', ''), options.command, ...options.args],
    {
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'pipe'],
      env: options.env ?? process.env,
      cwd: options.cwd,
      ...options.account,
    },
  );
  closeSync(log.fd);
  const lifeline = child.stdio[3] as Socket;
  lifeline.on('error', () => undefined);
  const exited = ending(child).then((how) => {
    lifeline.end('\n');
    rmSync(options.pidFile, { force: true });
    return how;
  });
  if (child.pid === undefined)
    throw new SetupError(`${options.name} could not be started.`, 'is `sh` on the PATH?');
  const pid = child.pid;
  remember(options.pidFile, pid);
  return {
    pid,
    exited,
    async stop(graceMs = defaultGraceMs) {
      child.kill(options.stopSignal);
      const inTime = new AbortController();
      const overdue = setTimeout(graceMs, undefined, { signal: inTime.signal }).then(
        () => child.kill('SIGKILL'),
        () => undefined,
      );
      await exited;
      inTime.abort();
      await overdue;
    },
    recentLog: () => tail(options.logFile, log.offset),
  };
}

/** Waits until `ready` says so. @throws SetupError made by `explain` when the child ends first or time is up */
export async function untilReady(
  child: Child,
  ready: () => Promise<boolean>,
  timeoutMs: number,
  explain: (how: string) => SetupError,
): Promise<void> {
  let ended: string | null = null;
  void child.exited.then((how) => (ended = how));
  const deadline = Date.now() + timeoutMs;
  try {
    while (!(await ready())) {
      if (ended !== null) throw explain(ended);
      if (Date.now() > deadline) throw explain(`no answer within ${timeoutMs / 1000} s`);
      await setTimeout(50);
    }
  } catch (error) {
    await child.stop(5000);
    throw error;
  }
}

/**
 * Stops what an earlier start left running. A pid file counts only while the very process it names runs.
 * @throws SetupError when the earlier start itself is still at work: it is not ours to stop
 */
export async function stopLeftover(name: string, pidFile: string, signal: NodeJS.Signals): Promise<boolean> {
  const record = readRecord(pidFile);
  if (record === null || !isRunning(record.child)) {
    rmSync(pidFile, { force: true });
    return false;
  }
  if (isRunning(record.owner)) {
    throw new SetupError(
      `${name} is already running for this data folder, started by process ${record.owner.pid}.`,
      `stop that one first (Ctrl-C in its terminal, or kill ${record.owner.pid}), or choose another folder with ORCHESTRATION_DATA_DIR=<folder>`,
    );
  }
  await stopProcess(record.child, signal);
  rmSync(pidFile, { force: true });
  return true;
}

/** Asks a process that is not our child to stop, kills it after 20 s, resolves when it is gone. */
async function stopProcess(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  const killAt = Date.now() + defaultGraceMs;
  let next: NodeJS.Signals | null = signal;
  while (isRunning(identity)) {
    if (next !== null) signalOrExplain(identity.pid, next);
    next = Date.now() > killAt ? 'SIGKILL' : null;
    await setTimeout(50);
  }
}

function signalOrExplain(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new SetupError(`Process ${pid} of an earlier start belongs to another user.`, `sudo kill ${pid}`);
  }
}

function ending(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
}

interface PidRecord {
  readonly child: ProcessIdentity;
  readonly owner: ProcessIdentity;
}

function remember(pidFile: string, pid: number): void {
  const record = { child: identify(pid), owner: identify(process.pid) };
  mkdirSync(path.dirname(pidFile), { recursive: true });
  writeFileSync(pidFile, `${JSON.stringify(record)}\n`);
}

function readRecord(pidFile: string): PidRecord | null {
  try {
    const { child, owner } = JSON.parse(readFileSync(pidFile, 'utf8')) as Partial<PidRecord>;
    return child?.pid === undefined || owner?.pid === undefined ? null : { child, owner };
  } catch {
    return null;
  }
}

function openLog(file: string): { fd: number; offset: number } {
  mkdirSync(path.dirname(file), { recursive: true });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logLimitBytes) renameSync(file, `${file}.1`);
  return { fd: openSync(file, 'a', 0o600), offset: size > logLimitBytes ? 0 : size };
}

function tail(file: string, offset: number): string {
  try {
    return readFileSync(file).subarray(offset).subarray(-16_384).toString('utf8');
  } catch {
    return '';
  }
}
