import { readFileSync } from 'node:fs';
import { loadSettings } from '../config/load-settings';
import type { DetectorRegistration } from '../contract/registration';
import { resolveTool } from '../embedded/tools';
import { taxonomyCategories } from '../policy/known-categories';
import { PolicyCompiler } from '../policy/policy-compiler';
import { describeFault, parseRegistryFile } from '../registry/registry-file';
import { policyCacheDir } from './version';

const say = (line: string): void => void process.stderr.write(`conclave: ${line}\n`);

/** Finds `opa`, or builds it, once it is needed. */
export const compiler = new PolicyCompiler({
  cacheDir: policyCacheDir,
  opaPath: () => resolveTool('opa', say),
});

/** What bundles may name: the detectors of a registry file, the categories of the taxonomy. */
export async function surroundings(registryFile: string) {
  return {
    compiler,
    detectors: detectorsOf(registryFile),
    categories: await taxonomyCategories(loadSettings().settings.mapper.taxonomy_path),
  };
}

/** @throws Error naming every fault of the file */
function detectorsOf(file: string): DetectorRegistration[] {
  const parsed = parseRegistryFile(readFileSync(file, 'utf8'));
  if (parsed.ok) return parsed.file.entries.flatMap(({ detector }) => detector ?? []);
  const faults = parsed.faults.map((fault) => `  - ${describeFault(fault)}`).join('\n');
  throw new Error(`${file} is not a valid registry:\n${faults}`);
}
