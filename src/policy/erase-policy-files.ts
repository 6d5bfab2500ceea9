import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Of a state, of whatever release, what leads to its documents. */
const checksumsSchema = z.object({
  versions: z.array(z.object({ checksum: z.string().regex(/^[0-9a-f]{64}$/) })),
});

/**
 * Removes all that the folder of versions holds of a tenant: states, and the documents that they name, which name the
 * tenant and so are nobody else's.
 * @returns how many files
 */
export async function erasePolicyFiles(dir: string, tenantId: string): Promise<number> {
  const own = join(dir, 'states', tenantId);
  const states = (await filesIn(own)).filter((file) => file.endsWith('.json'));
  const checksums = new Set((await Promise.all(states.map(checksumsIn))).flat());
  // The states go last: they lead to what is left, should this be interrupted.
  for (const checksum of checksums) await rm(join(dir, 'documents', checksum), { force: true });
  await rm(own, { recursive: true, force: true });
  return states.length + checksums.size;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function checksumsIn(state: string): Promise<string[]> {
  const parsed = checksumsSchema.safeParse(JSON.parse(await readFile(state, 'utf8')));
  return parsed.success ? parsed.data.versions.map(({ checksum }) => checksum) : [];
}
