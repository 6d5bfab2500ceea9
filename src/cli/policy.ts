import { readFileSync } from 'node:fs';
import { resolveTool } from '../embedded/tools';
import { formatProblem } from '../policy/problem';
import { validatePolicies } from '../policy/validate';
import { describeFault, parseRegistryFile } from '../registry/registry-file';
import { colors } from './colors';

const say = (line: string): void => void process.stderr.write(`conclave: ${line}\n`);

/** Prints a line for each bundle and its faults below it. @returns the exit code */
export async function printPolicyReport(dir: string, registryFile: string): Promise<number> {
  const reports = await validatePolicies(dir, {
    opaPath: () => resolveTool('opa', say),
    knownDetectors: detectorsOf(registryFile),
  });
  for (const report of reports) {
    const mark = report.ok ? colors.green('ok') : colors.red('invalid');
    console.log(`${report.tenant}/${report.bundle}: ${mark}`);
    for (const fault of report.errors) console.log(`  error: ${formatProblem(fault)}`);
    for (const name of report.missing_detectors) console.log(`  error: ${name} is not a registered detector`);
    for (const warning of report.warnings) console.log(`  warning: ${warning}`);
  }
  return reports.every(({ ok }) => ok) ? 0 : 1;
}

/** @throws Error naming every fault of the file */
function detectorsOf(file: string): Set<string> {
  const parsed = parseRegistryFile(readFileSync(file, 'utf8'));
  if (parsed.ok) return new Set(parsed.file.entries.flatMap(({ detector }) => detector?.name ?? []));
  const faults = parsed.faults.map((fault) => `  - ${describeFault(fault)}`).join('\n');
  throw new Error(`${file} is not a valid registry:\n${faults}`);
}
