import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isRegoTest, type RegoSource } from './bundle';
import { isPlainName, readText, refusal, shownPath, staysInside } from './bundle-paths';
import type { PolicyCompileError, ProblemCode } from './problem';
import { policyFile } from './policy-file';

const maxSourceBytes = 1024 * 1024;
const maxFiles = 200;
const maxDepth = 8;

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
  const files = (await stat(start)).isDirectory()
    ? await filesUnder(root, start, (name) => name.endsWith('.rego'))
    : [start];
  const wanted = files.filter((file) => tests === 'with tests' || !isRegoTest(file)).toSorted();
  let bytes = 0;
  const sources: RegoSource[] = [];
  for (const file of wanted) {
    const text = await readText(root, file, maxSourceBytes);
    bytes += Buffer.byteLength(text);
    if (bytes > maxSourceBytes)
      throw regoPath(path, `holds more than ${maxSourceBytes} bytes of Rego`, 'too_large');
    sources.push({ path: shownPath(root, file), text });
  }
  return sources;
}

async function resolveInside(root: string, path: string): Promise<string> {
  if (!staysInside(path)) throw regoPath(path, 'leads out of the bundle', 'path_outside');
  const target = await realpath(join(root, path)).catch(() => {
    throw regoPath(path, 'does not exist', 'missing_file');
  });
  if (target !== root && !target.startsWith(root + sep))
    throw regoPath(path, 'leads out of the bundle', 'path_outside');
  return target;
}

/**
 * Files with the names that are wanted, links to files among them; hidden ones do not count.
 * @param root of the bundle, free of links
 * @throws PolicyCompileError for more than 200 of them, or folders in folders without end
 */
export async function filesUnder(
  root: string,
  dir: string,
  wanted: (name: string) => boolean,
  depth = 0,
): Promise<string[]> {
  if (depth > maxDepth)
    throw refusal(shownPath(root, dir), `is nested more than ${maxDepth} folders deep`, 'too_deep');
  const entries = await readdir(dir, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) found.push(...(await filesUnder(root, path, wanted, depth + 1)));
    else if (wanted(entry.name)) {
      if (!isPlainName(entry.name)) {
        const shown = JSON.stringify(entry.name).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
        throw refusal('.', `the file name ${shown} holds characters that do not show`, 'invalid_name');
      }
      found.push(path);
    }
    if (found.length > maxFiles)
      throw refusal('.', `the bundle holds more than ${maxFiles} files of one kind`, 'too_many_files');
  }
  return found;
}

function regoPath(path: string, message: string, code: ProblemCode): PolicyCompileError {
  return refusal(policyFile, `rego_policy_path: ${path} ${message}`, code);
}
