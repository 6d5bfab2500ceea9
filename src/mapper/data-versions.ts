import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const versionedSchema = z.object({ version: z.string() });

/** Versions of the taxonomy and framework files in a folder, without loading the rest. */
export function dataVersions(taxonomyDir: string): {
  readonly taxonomy: string;
  readonly frameworks: string;
} {
  return {
    taxonomy: versionOf(taxonomyDir, 'taxonomy.yaml'),
    frameworks: versionOf(taxonomyDir, 'frameworks.yaml'),
  };
}

function versionOf(dir: string, file: string): string {
  return versionedSchema.parse(parse(readFileSync(path.join(dir, file), 'utf8'))).version;
}
