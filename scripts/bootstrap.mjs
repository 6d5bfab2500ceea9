import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile } from './lib/compile.mjs';
import { staleDependencies } from './lib/dependencies.mjs';
import { withLock } from './lib/lock.mjs';
import { run } from './lib/run.mjs';

// Plain Node, nothing imported from node_modules: this runs before anything is installed.

export const root = path.resolve(
  import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname),
  '..',
);
export const mainFile = path.join(root, 'dist', 'cli', 'main.js');
export const log = (line) => console.error(`conclave: ${line}`);

/** A step of the set-up failed; its own output has said why. */
export class BootstrapError extends Error {}

/**
 * Brings a checkout from whatever state it is in to ready to run: dependencies, compiled code, the `temporal` and `opa`
 * programs, policy and workflow bundles. What is in order is left alone; then this takes less than a second.
 * @param tools names of the programs that are needed
 * @returns {Promise<Record<string, string>>} path of each tool
 */
export async function bootstrap(tools = ['temporal', 'opa']) {
  requireNode();
  return withLock(path.join(root, '.tools', 'setup.lock'), log, async () => {
    await installDependencies();
    if ((await compile(root, log)) !== 0) throw new BootstrapError('the code does not compile');
    const paths = await resolveTools(tools);
    await buildBundles(paths);
    return paths;
  });
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new BootstrapError(
    `Node ${process.versions.node} is too old: Conclave needs Node 20.19 or later.\n  Remedy: install it from your package manager, or with nvm: nvm install 22`,
  );
}

async function installDependencies() {
  const reason = staleDependencies(root);
  if (reason === null) return;
  log(`${reason}: running npm ci (about a minute)`);
  const code = await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root });
  if (code !== 0) throw new BootstrapError(`npm ci failed (exit code ${code})`);
}

async function resolveTools(names) {
  const { resolveTool } = await import(pathToFileURL(path.join(root, 'dist', 'embedded', 'tools.js')).href);
  const paths = {};
  for (const name of names) paths[name] = await resolveTool(name, log);
  return paths;
}

/** `main.js build` compiles the Rego policies to WASM and bundles the workflows, each only when its sources changed. */
async function buildBundles(paths) {
  if (!existsSync(mainFile)) return;
  const code = await run(process.execPath, [mainFile, 'build'], { cwd: root, env: withTools(paths) });
  if (code !== 0) throw new BootstrapError('the policies or workflows could not be built');
}

/** The environment that tells our own processes which tools were found, so that they do not search again. */
export function withTools(paths, environment = process.env) {
  const variables = Object.entries(paths).map(([name, file]) => [`CONCLAVE_${name.toUpperCase()}_BIN`, file]);
  return { ...environment, ...Object.fromEntries(variables) };
}

/** Ends the process the way a failed set-up should: a message, no stack. */
export function fail(error) {
  const expected = error instanceof BootstrapError || error?.name === 'SetupError';
  console.error(`conclave: ${expected ? error.message : error?.stack}`);
  process.exitCode = 1;
}

if (process.argv[1] === new URL(import.meta.url).pathname) await bootstrap().catch(fail);
