import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What is installed, as CycloneDX (JSON). @param options such as `--omit=dev` */
export function billOfMaterials(root, ...options) {
  const command = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', ...options];
  const bom = JSON.parse(
    execFileSync('npm', command, {
      cwd: root,
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  // npm names the whole after the folder that it is in.
  bom.metadata.component.name = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).name;
  return bom;
}
