import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** Root of the project: two folders above this file, in src as in dist. */
export const projectRoot = path.resolve(__dirname, '..', '..');

/** Compiled Rego, for whoever compiles the same again. */
export const policyCacheDir = path.join(projectRoot, 'dist', 'policy-cache');

const packageSchema = z.object({ version: z.string() });

export const version = packageSchema.parse(
  JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8')) as unknown,
).version;
