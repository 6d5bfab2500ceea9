import type { RegoSource } from './bundle';
import { problemsOfText } from './compile';
import { withOpaWorkspace } from './opa';
import { PolicyCompileError } from './problem';

/** Those of the sources that OPA would write otherwise, as it would. @throws PolicyCompileError when one is no Rego */
export async function formatted(opaPath: string, sources: readonly RegoSource[]): Promise<RegoSource[]> {
  if (sources.length === 0) return [];
  return withOpaWorkspace(opaPath, sources, async (workspace) => {
    const paths = sources.map(({ path }) => path);
    const { exitCode, stderr } = await workspace.ask('fmt', '--write', '--', ...paths);
    if (exitCode !== 0) throw new PolicyCompileError(problemsOfText(stderr, sources));
    const changed: RegoSource[] = [];
    for (const { path, text } of sources) {
      const after = (await workspace.read(path)).toString('utf8');
      if (after !== text) changed.push({ path, text: after });
    }
    return changed;
  });
}
