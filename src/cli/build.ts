import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { bundleWorkflows, workflowBundlePath } from '../activities/worker';
import { loadPolicies } from '../policy/load';
import { formatProblem } from '../policy/problem';
import { compiler } from './policy-tools';
import { projectRoot } from './version';

const say = (line: string): void => void process.stderr.write(`conclave: ${line}\n`);

/** Makes what is made once: the workflow bundle and the compiled policies. What is up to date is left alone. */
export async function build(policiesDir: string): Promise<number> {
  await buildWorkflows();
  const { refused } = await loadPolicies(policiesDir, compiler);
  for (const { tenant, bundle, problems } of refused) {
    for (const fault of problems) say(`policy ${tenant}/${bundle}: ${formatProblem(fault)}`);
  }
  return refused.length > 0 ? 1 : 0;
}

async function buildWorkflows(): Promise<void> {
  const stampFile = `${workflowBundlePath}.sources`;
  const stamp = fingerprint(
    ['workflows', 'domain', 'contract'].map((room) => path.join(projectRoot, 'dist', room)),
  );
  if (existsSync(workflowBundlePath) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp)
    return;
  say('bundling the workflows');
  writeFileSync(workflowBundlePath, await bundleWorkflows());
  writeFileSync(stampFile, stamp);
}

function fingerprint(folders: readonly string[]): string {
  const hash = createHash('sha256').update(readFileSync(path.join(projectRoot, 'package-lock.json')));
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
      const file = path.join(folder, name);
      if (name.endsWith('.js') && statSync(file).isFile()) hash.update(name).update(readFileSync(file));
    }
  }
  return hash.digest('hex');
}
