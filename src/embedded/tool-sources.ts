import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Progress } from './setup-error';

export type ToolName = 'temporal' | 'opa' | 'temporal-server' | 'temporal-sql-tool';

/** A program that Conclave calls, at the version it is tested with. */
export interface Tool {
  readonly name: ToolName;
  readonly binVariable: string;
  readonly version: string;
  readonly goModule: string;
  readonly versionCommand: readonly string[];
  /** Finds in the output of `versionCommand` the version that `minimum` and `pinned` speak of. */
  readonly versionPattern: RegExp;
  /** What a program found on the PATH must at least be. */
  readonly minimum: string;
  readonly pinned: string;
}

/** Puts a tool at `target` and returns null, or returns why it could not. */
type Install = (tool: Tool, target: string, log: Progress) => Promise<string | null>;

/** A published file and where its SHA-256 is published. */
interface Release {
  readonly url: string;
  readonly checksumUrl: string;
  readonly archived: boolean;
}

const run = promisify(execFile);
const connectTimeoutMs = 5000;
const downloadTimeoutMs = 180_000;
const buildTimeoutMs = 20 * 60_000;

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** The server's release holds all its programs. */
const serverRelease = (version: string, os: string, arch: string): Release => {
  const folder = `https://github.com/temporalio/temporal/releases/download/v${version}`;
  const url = `${folder}/temporal_${version}_${os}_${arch}.tar.gz`;
  return { url, checksumUrl: `${folder}/checksums.txt`, archived: true };
};

const releases: Readonly<Record<ToolName, (version: string, os: string, arch: string) => Release>> = {
  temporal: (version, os, arch) => {
    const folder = `https://github.com/temporalio/cli/releases/download/v${version}`;
    const url = `${folder}/temporal_cli_${version}_${os}_${arch}.tar.gz`;
    return { url, checksumUrl: `${folder}/checksums.txt`, archived: true };
  },
  opa: (version, os, arch) => {
    const url = `https://github.com/open-policy-agent/opa/releases/download/v${version}/opa_${os}_${arch}_static`;
    return { url, checksumUrl: `${url}.sha256`, archived: false };
  },
  'temporal-server': serverRelease,
  'temporal-sql-tool': serverRelease,
};

/** The official release, checked against its published SHA-256. Gives up within seconds where there is no way out. */
export const downloadRelease: Install = async (tool, target, log) => {
  const arch = architectures[process.arch];
  if (arch === undefined || process.platform === 'win32') return 'no release for this platform';
  const release = releases[tool.name](tool.version, process.platform, arch);
  return inScratchFolder(target, async (scratch) => {
    const checksum = await expectedChecksum(release);
    if (checksum === null) throw new Error('its release cannot be reached');
    log(`downloading ${tool.name} ${tool.version}`);
    const file = await withElapsed(
      `downloading ${tool.name}`,
      log,
      fetchBytes(release.url, downloadTimeoutMs),
    );
    if (createHash('sha256').update(file).digest('hex') !== checksum)
      throw new Error('its release has a wrong checksum');
    const binary = path.join(scratch, tool.name);
    if (release.archived) {
      writeFileSync(`${binary}.tar.gz`, file);
      await run('tar', ['-xzf', `${binary}.tar.gz`, '-C', scratch, tool.name]);
    } else {
      writeFileSync(binary, file);
    }
    return binary;
  });
};

/** `go install` of the pinned module version, which Go checks against its checksum database. */
export const buildWithGo: Install = async (tool, target, log) =>
  inScratchFolder(target, async (scratch) => {
    const module = `${tool.goModule}@v${tool.version}`;
    const env = { ...process.env, GOBIN: scratch, CGO_ENABLED: '0' };
    const go = await run('go', ['version'], { env }).catch(() => null);
    if (go === null) throw new Error('there is no Go to build it with');
    log(`building ${tool.name} with go install ${module}; a few minutes, once`);
    const options = { env, timeout: buildTimeoutMs, maxBuffer: 64 * 1024 * 1024 };
    await withElapsed(
      `building ${tool.name}`,
      log,
      run('go', ['install', '-ldflags=-s -w', module], options),
    );
    return path.join(scratch, path.posix.basename(tool.goModule));
  });

/** Works in a folder beside the target and renames the finished file into place, so that nobody sees half of it. */
async function inScratchFolder(
  target: string,
  make: (scratch: string) => Promise<string>,
): Promise<string | null> {
  mkdirSync(path.dirname(target), { recursive: true });
  const scratch = mkdtempSync(`${target}.`);
  try {
    const made = await make(scratch);
    chmodSync(made, 0o755);
    renameSync(made, target);
    return null;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return lastLine(stderr === undefined || stderr === '' ? message : stderr);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function expectedChecksum({ url, checksumUrl }: Release): Promise<string | null> {
  const text = await fetchBytes(checksumUrl, connectTimeoutMs).catch(() => null);
  const name = path.posix.basename(new URL(url).pathname);
  const line = text
    ?.toString('utf8')
    .split('\n')
    .find((entry) => entry.trim().endsWith(name));
  return /^[0-9a-f]{64}/.exec(line ?? '')?.[0] ?? null;
}

async function fetchBytes(url: string, timeoutMs: number): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

async function withElapsed<T>(what: string, log: Progress, work: Promise<T>): Promise<T> {
  const began = Date.now();
  const timer = setInterval(() => log(`… ${what}, ${Math.round((Date.now() - began) / 1000)} s`), 10_000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? text;
}
