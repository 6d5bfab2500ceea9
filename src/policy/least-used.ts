import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Removes files of a folder, those that were not used for longest first, until the others are few enough and none is too
 * old. Safe while other processes read, add and remove: who has a file open keeps it, and who misses one makes it anew.
 */
export async function dropLeastUsed(
  dir: string,
  limits: { readonly bytes: number; readonly days: number },
): Promise<void> {
  const oldest = Date.now() - limits.days * dayMs;
  let bytes = 0;
  for (const { file, size, usedAt } of await latestFirst(dir)) {
    bytes += size;
    if (bytes > limits.bytes || usedAt < oldest) await unlink(file).catch(() => undefined);
  }
}

async function latestFirst(dir: string) {
  const names = await readdir(dir);
  const files = await Promise.all(
    names.map(async (name) => {
      const file = join(dir, name);
      // Another process may have removed it.
      const found = await stat(file).catch(() => null);
      return found?.isFile() ? [{ file, size: found.size, usedAt: found.mtimeMs }] : [];
    }),
  );
  return files.flat().toSorted((a, b) => b.usedAt - a.usedAt);
}
