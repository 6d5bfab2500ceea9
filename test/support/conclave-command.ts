import { execFile } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(__dirname, '..', '..');

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `conclave` as compiled, in the folder of the project, with no ORCHESTRATION_* variables but the given. */
export function conclave(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('ORCHESTRATION_'));
  return new Promise((resolve, reject) => {
    const options = {
      cwd: root,
      env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env },
      timeout: 60_000,
      maxBuffer: 16 * 1024 * 1024,
    };
    const main = path.join(root, 'dist', 'cli', 'main.js');
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(new Error(`conclave ${args.join(' ')} was killed: ${stderr}`));
    });
  });
}
