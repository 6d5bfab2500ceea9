import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';

const version = '4.32.5';

/**
 * Path of schemathesis: what CONCLAVE_SCHEMATHESIS_BIN names, or the pinned version in a Python environment of its own
 * under `.tools`, made once.
 * @throws Error with the remedy
 */
export async function resolveSchemathesis(root, log) {
  const named = process.env.CONCLAVE_SCHEMATHESIS_BIN;
  if (named) return named;
  const folder = path.join(root, '.tools', `schemathesis-${version}`);
  const program = path.join(folder, 'bin', 'schemathesis');
  if (existsSync(path.join(folder, 'complete'))) return program;
  return withLock(path.join(root, '.tools', 'schemathesis.lock'), log, async () => {
    if (existsSync(path.join(folder, 'complete'))) return program;
    log(`schemathesis ${version} is not here; it is installed once, in ${folder}`);
    rmSync(folder, { recursive: true, force: true });
    await install(folder, path.join(root, 'test', 'fuzz', 'requirements.txt'));
    return program;
  });
}

async function install(folder, requirements) {
  const remedy =
    'install Python 3.10 or later with venv, or name schemathesis with CONCLAVE_SCHEMATHESIS_BIN';
  requirePython(remedy);
  const steps = [
    ['python3', '-m', 'venv', folder],
    [path.join(folder, 'bin', 'pip'), 'install', '-q', '--disable-pip-version-check', '-r', requirements],
  ];
  for (const [command, ...args] of steps) {
    if ((await run(command, args)) !== 0) throw new Error(`schemathesis could not be installed: ${remedy}`);
  }
  // An installation that was cut short has none.
  writeFileSync(path.join(folder, 'complete'), '');
}

function requirePython(remedy) {
  try {
    execFileSync('python3', ['-c', 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))'], {
      stdio: 'ignore',
    });
  } catch {
    throw new Error(`schemathesis needs Python: ${remedy}`);
  }
}
