import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { allowedBuiltins } from './builtins';
import type { RegoSource } from './bundle';

const opaTimeoutMs = 60_000;
const maxOutputBytes = 16 * 1024 * 1024;
const capabilitiesFile = 'capabilities.json';
/** KiB of data that an evaluation may fill; a test can ask for any amount. */
const maxDataKib = 1024 * 1024;

export interface OpaOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of Rego sources on which `opa` runs. */
export interface OpaWorkspace {
  readonly dir: string;
  /** Runs `opa` there. @throws when the program cannot be started or hangs. */
  run(command: string, ...args: string[]): Promise<OpaOutput>;
  /** As {@link OpaWorkspace.run}, for what evaluates policies rather than reads them: bounded in memory. */
  evaluate(command: string, ...args: string[]): Promise<OpaOutput>;
  /** Runs `opa` there without the sources as arguments. */
  ask(command: string, ...args: string[]): Promise<OpaOutput>;
}

/**
 * Lays the sources out in a temporary folder, so that what is compiled is what was read and digested, and removes it
 * afterwards. Every command there knows only {@link allowedBuiltins}.
 */
export async function withOpaWorkspace<T>(
  opaPath: string,
  sources: readonly RegoSource[],
  work: (workspace: OpaWorkspace) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'conclave-policy-'));
  try {
    for (const { path, text } of sources) {
      const file = join(dir, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    await writeFile(join(dir, capabilitiesFile), await restrictedCapabilities(opaPath, dir));
    const paths = sources.map((source) => source.path);
    const onSources = (command: string, args: readonly string[]) => [
      ...[command, '--capabilities', capabilitiesFile],
      ...[...args, '--', ...paths],
    ];
    return await work({
      dir,
      run: (command, ...args) => runOpa(opaPath, dir, onSources(command, args)),
      evaluate: (command, ...args) => runBounded(opaPath, dir, onSources(command, args)),
      ask: (command, ...args) => runBounded(opaPath, dir, [command, ...args]),
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const capabilitiesSchema = z.looseObject({ builtins: z.array(z.looseObject({ name: z.string() })) });

async function restrictedCapabilities(opaPath: string, cwd: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runOpa(opaPath, cwd, ['capabilities', '--current']);
  if (exitCode !== 0) throw new Error(`opa capabilities failed: ${stderr.trim()}`);
  const capabilities = capabilitiesSchema.parse(JSON.parse(stdout));
  const builtins = capabilities.builtins.filter(({ name }) => allowedBuiltins.has(name));
  return JSON.stringify({ ...capabilities, builtins, allow_net: [] });
}

/** Where there is a shell, it limits the memory of what it then becomes. */
function runBounded(opaPath: string, cwd: string, args: readonly string[]): Promise<OpaOutput> {
  if (process.platform === 'win32') return runOpa(opaPath, cwd, args);
  const limited = `ulimit -d ${maxDataKib} 2>/dev/null; exec "$0" "$@"`;
  return runOpa('/bin/sh', cwd, ['-c', limited, opaPath, ...args]);
}

function runOpa(opaPath: string, cwd: string, args: readonly string[]): Promise<OpaOutput> {
  return new Promise((resolve, reject) => {
    execFile(
      opaPath,
      args,
      { cwd, timeout: opaTimeoutMs, maxBuffer: maxOutputBytes },
      (error, stdout, stderr) => {
        if (!error) resolve({ exitCode: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
        else
          reject(
            new Error(
              `opa could not run: ${error.killed ? 'it took too long' : (error.code ?? error.signal)}`,
            ),
          );
      },
    );
  });
}
