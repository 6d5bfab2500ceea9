import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BrokenBundle } from './broken-bundles';

/** Writes a bundle as `demo/broken` below a folder, beside what it must not reach. @returns the folder of policies */
export function layOut(root: string, { files, links = {} }: BrokenBundle): string {
  const policies = path.join(root, 'policies');
  const bundle = path.join(policies, 'demo', 'broken');
  mkdirSync(bundle, { recursive: true });
  writeFileSync(path.join(policies, 'outside.rego'), 'package orchestration\n');
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(bundle, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  for (const [name, target] of Object.entries(links)) {
    mkdirSync(path.dirname(path.join(bundle, name)), { recursive: true });
    symlinkSync(target, path.join(bundle, name));
  }
  return policies;
}
