import { execFile, type ExecFileException } from 'node:child_process';
import { PolicyCompileError, problem } from './problem';
import { opaAbsent, opaOverloaded, type OpaUnavailable } from './opa-unavailable';

const timeoutMs = 60_000;
const maxOutputBytes = 16 * 1024 * 1024;
/** KiB of data that a run may fill; what comes from strangers can ask for any amount. */
const maxDataKib = 1024 * 1024;

/** How `opa` has ended, when what it was given was the reason. */
export interface OpaOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** It asked for more memory than it may have, on a machine that has as much. */
  readonly exhausted: boolean;
}

/**
 * Runs `opa`, bounded in time, output and, where there is a shell to set limits, memory.
 * @throws OpaUnavailable; PolicyCompileError when it prints without end
 */
export async function runBounded(
  opaPath: string,
  cwd: string,
  args: readonly string[],
  timeout = timeoutMs,
): Promise<OpaOutput> {
  const limited = `ulimit -d ${maxDataKib} 2>/dev/null; exec "$0" "$@"`;
  const [program, all] =
    process.platform === 'win32' ? [opaPath, args] : ['/bin/sh', ['-c', limited, opaPath, ...args]];
  return new Promise((resolve, reject) => {
    const options = { cwd, timeout, killSignal: 'SIGKILL', maxBuffer: maxOutputBytes } as const;
    execFile(program, all, options, (error, stdout, stderr) => {
      if (!error) return resolve({ exitCode: 0, stdout, stderr, exhausted: false });
      const fault = faultOf(error, stderr, timeout);
      if (fault) return reject(fault);
      const exhausted = outOfMemory.test(stderr);
      resolve({ exitCode: Number(error.code), stdout, stderr, exhausted });
    });
  });
}

/** What the shell says when it cannot become the program. */
const notExecutable = 126;
const notFound = 127;

/** Of the system, at the end of a line of text or of a message in JSON. */
const systemFaults =
  /: (no space left on device|disk quota exceeded|cannot allocate memory|too many open files(?: in system)?|input\/output error|read-only file system|resource temporarily unavailable)(?:"|\s*$)/m;
const noThreads = /failed to create new OS thread|pthread_create failed|fatal error: newosproc/;
const outOfMemory = /^(?:fatal error|runtime): .*(?:out of memory|cannot allocate memory)/m;

/** Null: what it was given was the reason. */
function faultOf(
  error: ExecFileException,
  stderr: string,
  timeout: number,
): OpaUnavailable | PolicyCompileError | null {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    const message = `has opa print more than ${maxOutputBytes} bytes`;
    return new PolicyCompileError([problem('.', message, 'rego_output_too_large')]);
  }
  if (error.killed) {
    const limit = `opa took longer than ${timeout / 1000} s`;
    return opaOverloaded(`${limit}: the machine is busy, or the Rego and its tests ask too much of it`);
  }
  if (typeof error.code !== 'number') return faultOfStart(error);
  if (error.code === notExecutable || error.code === notFound) return opaAbsent(stderr.trim());
  const [, said] = systemFaults.exec(stderr) ?? [];
  if (said !== undefined) return opaOverloaded(`opa says: ${said}`);
  if (noThreads.test(stderr)) return opaOverloaded('the machine has no threads left for opa');
  if (outOfMemory.test(stderr) && process.availableMemory() < maxDataKib * 1024)
    return opaOverloaded('the machine has not enough memory for opa');
  return null;
}

const absentCodes = ['ENOENT', 'EACCES', 'ENOEXEC', 'EPERM', 'ENOTDIR'];

function faultOfStart(error: ExecFileException): OpaUnavailable {
  const { code, signal } = error;
  if (typeof code === 'string' && absentCodes.includes(code)) return opaAbsent(error);
  return opaOverloaded(
    signal ? `opa was killed (${signal})` : `opa could not be started (${code ?? 'unknown'})`,
  );
}
