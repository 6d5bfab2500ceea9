import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { RegoSource } from './bundle';
import { PolicyCompileError, problem } from './problem';

const maxSourceBytes = 1024 * 1024;

/**
 * The `.rego` files at `path`, a file or a folder inside the bundle's folder, sorted by path. Tests (`*_test.rego`) are
 * left out unless asked for: they change no decision.
 * @throws PolicyCompileError when the path leads out of the bundle, to nothing, or to more than 1 MiB
 */
export async function readRegoSources(
  bundleDir: string,
  path: string,
  tests: 'with tests' | 'without tests' = 'without tests',
): Promise<RegoSource[]> {
  const root = await realpath(bundleDir);
  const start = await resolveInside(root, path);
  const files = (await stat(start)).isDirectory() ? await regoFilesUnder(start) : [start];
  const wanted = files.filter((file) => tests === 'with tests' || !file.endsWith('_test.rego')).toSorted();
  let bytes = 0;
  const sources: RegoSource[] = [];
  for (const file of wanted) {
    const text = await readFile(file, 'utf8');
    bytes += Buffer.byteLength(text);
    if (bytes > maxSourceBytes) throw refusal(path, `holds more than ${maxSourceBytes} bytes of Rego`);
    sources.push({ path: relative(root, file).split(sep).join('/'), text });
  }
  return sources;
}

async function resolveInside(root: string, path: string): Promise<string> {
  if (isAbsolute(path) || path.split(/[\\/]/).includes('..')) throw refusal(path, 'leads out of the bundle');
  const target = await realpath(join(root, path)).catch(() => {
    throw refusal(path, 'does not exist');
  });
  if (target !== root && !target.startsWith(root + sep)) throw refusal(path, 'leads out of the bundle');
  return target;
}

/** Symbolic links inside the folder are not followed. */
async function regoFilesUnder(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) found.push(...(await regoFilesUnder(path)));
    else if (entry.isFile() && entry.name.endsWith('.rego')) found.push(path);
  }
  return found;
}

function refusal(path: string, message: string): PolicyCompileError {
  return new PolicyCompileError([problem('policy.yaml', `rego_policy_path: ${path} ${message}`)]);
}
