import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const taxonomySchema = z.object({ categories: z.array(z.object({ id: z.string() })) });

/** Ids of the canonical taxonomy in a folder. @throws when it cannot be read */
export async function taxonomyCategories(dir: string): Promise<string[]> {
  const text = await readFile(join(dir, 'taxonomy.yaml'), 'utf8');
  return taxonomySchema.parse(parse(text)).categories.map(({ id }) => id);
}
