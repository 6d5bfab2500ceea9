import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatted } from '../policy/format';
import { bundleFolders } from '../policy/load';
import { policyFile } from '../policy/policy-file';
import { PolicyCompileError } from '../policy/problem';
import { readRegoSources } from '../policy/rego-sources';
import { compiler } from './policy-tools';

/** `conclave policy fmt`: names the files that change. @returns the exit code */
export async function formatRego(dir: string, check: boolean): Promise<number> {
  const folders = existsSync(path.join(dir, policyFile))
    ? [dir]
    : (await bundleFolders(dir)).map((folder) => folder.dir);
  let [changed, faulty] = [0, 0];
  for (const folder of folders) {
    try {
      const sources = await readRegoSources(folder, '.', 'with tests');
      for (const { path: file, text } of await formatted(await compiler.program(), sources)) {
        changed += 1;
        console.log(path.join(folder, file));
        if (!check) writeFileSync(path.join(folder, file), text);
      }
    } catch (error) {
      if (!(error instanceof PolicyCompileError)) throw error;
      faulty += 1;
      console.error(`${folder}: ${error.message}`);
    }
  }
  return faulty > 0 || (check && changed > 0) ? 1 : 0;
}
