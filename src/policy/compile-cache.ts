import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalDigest, type RegoSource } from './bundle';
import { allowedBuiltins } from './builtins';
import { dropLeastUsed } from './least-used';
import { PolicyCompileError, problem } from './problem';
import { loadRegoModule, type RegoModule } from './rego-module';

const limits = { bytes: 128 * 1024 * 1024, days: 30 };

/** Raise when the way of compiling changes. */
const compilerRevision = 2;

export interface CompiledRego {
  readonly wasm: Uint8Array;
  readonly rules: RegoModule['rules'];
}

/**
 * Compiles the sources, or takes what an earlier call, maybe of an earlier process, kept in the folder. A damaged or
 * half-written entry is compiled anew; a folder that cannot be written only costs the next start its time. The folder is
 * bounded: what was not used for longest goes first.
 * @throws PolicyCompileError also where the sources compile to what cannot be loaded, such as more data than memory
 */
export async function compiledOnce(
  cacheDir: string,
  sources: readonly RegoSource[],
  compile: () => Promise<Uint8Array>,
): Promise<CompiledRego> {
  const key = canonicalDigest({ compilerRevision, builtins: [...allowedBuiltins].sort(), sources });
  const file = join(cacheDir, `${key}.wasm`);
  const kept = await readFile(file).then(inspect, () => null);
  if (kept) {
    await used(file).catch(() => undefined);
    return kept;
  }
  const compiled = inspect(await compile());
  if (!compiled)
    throw new PolicyCompileError([
      problem(sources[0]?.path ?? '.', 'compiles, but cannot be loaded: its constants may be too large'),
    ]);
  await keep(cacheDir, file, compiled.wasm)
    .then(() => dropLeastUsed(cacheDir, limits))
    .catch(() => undefined);
  return compiled;
}

function inspect(wasm: Uint8Array): CompiledRego | null {
  try {
    return { wasm: Uint8Array.from(wasm), rules: loadRegoModule(wasm).rules };
  } catch {
    return null;
  }
}

/** Readers in other processes see all of the file or none. */
async function keep(cacheDir: string, file: string, wasm: Uint8Array): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, wasm);
  await rename(draft, file);
}

/** When a file was written last says when it was used last. */
async function used(file: string): Promise<void> {
  const now = new Date();
  await utimes(file, now, now);
}
