import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { allowedBuiltins } from './builtins';
import type { RegoSource } from './bundle';
import { refusal } from './bundle-paths';
import { opaAbsent, opaOverloaded } from './opa-unavailable';
import { type OpaOutput, runBounded } from './run-opa';

const capabilitiesFile = 'capabilities.json';

/** A folder of Rego sources on which `opa` runs. */
export interface OpaWorkspace {
  /** Runs `opa` there. @throws OpaUnavailable */
  run(command: string, ...args: string[]): Promise<OpaOutput>;
  /** As {@link OpaWorkspace.run}, without the sources as arguments. */
  ask(command: string, ...args: string[]): Promise<OpaOutput>;
  /** Puts a file beside the sources. @throws OpaUnavailable */
  write(file: string, text: string): Promise<void>;
  /** What `opa` has made there. @throws OpaUnavailable */
  read(file: string): Promise<Buffer>;
}

/**
 * Lays the sources out in a temporary folder, so that what is compiled is what was read and digested, and removes it
 * afterwards. Every command there knows only {@link allowedBuiltins}.
 * @throws OpaUnavailable; PolicyCompileError when the file system cannot take the names of the sources
 */
export async function withOpaWorkspace<T>(
  opaPath: string,
  sources: readonly RegoSource[],
  work: (workspace: OpaWorkspace) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'conclave-policy-')).catch(noRoom);
  const write = (file: string, text: string) => writeFile(join(dir, file), text).catch(noRoom);
  try {
    for (const source of sources) await layOut(dir, source);
    await write(capabilitiesFile, await restrictedCapabilities(opaPath, dir));
    const paths = sources.map((source) => source.path);
    return await work({
      run: (command, ...args) =>
        runBounded(opaPath, dir, [command, '--capabilities', capabilitiesFile, ...args, '--', ...paths]),
      ask: (command, ...args) => runBounded(opaPath, dir, [command, ...args]),
      write,
      read: (file) => readFile(join(dir, file)).catch(noRoom),
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Of what a file system says of a name rather than of itself. */
const badNames = new Set(['ENAMETOOLONG', 'EEXIST', 'ENOTDIR', 'EISDIR', 'EILSEQ']);

async function layOut(dir: string, { path, text }: RegoSource): Promise<void> {
  const file = join(dir, path);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  } catch (error) {
    if (badNames.has((error as NodeJS.ErrnoException).code ?? ''))
      throw refusal(path, 'cannot be the name of a file beside the others', 'invalid_name');
    noRoom(error);
  }
}

function noRoom(error: unknown): never {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  throw opaOverloaded(`files for opa cannot be written or read (${code})`);
}

const capabilitiesSchema = z.looseObject({ builtins: z.array(z.looseObject({ name: z.string() })) });

/** Also shows whether the program is `opa` at all. */
async function restrictedCapabilities(opaPath: string, cwd: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runBounded(opaPath, cwd, ['capabilities', '--current']);
  if (exitCode !== 0) throw opaAbsent(`opa capabilities failed: ${stderr.trim().slice(0, 500)}`);
  const capabilities = parsedAs(stdout, capabilitiesSchema);
  if (!capabilities) throw opaAbsent('opa capabilities printed none');
  const builtins = capabilities.builtins.filter(({ name }) => allowedBuiltins.has(name));
  return JSON.stringify({ ...capabilities, builtins, allow_net: [] });
}

/** What `opa` has printed; undefined when it is not of that form. */
export function parsedAs<S extends z.ZodType>(text: string, schema: S): z.output<S> | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
