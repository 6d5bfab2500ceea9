import { spawn } from 'node:child_process';
import path from 'node:path';
import { bootstrap, fail, log, mainFile, root, withTools } from './bootstrap.mjs';
import { signalNumbers } from './lib/run.mjs';

// npm start [-- part] [-- --reset]: set up what is missing, then run Conclave, or one part of it, as one child.

const forceAfterMs = 1000;
/**
 * With 16 MB, the default, much of what lives as long as a request is copied into the old generation: a tenth of the
 * throughput; 64 give 6 % more than 32 at 256 clients, for 100 MB of memory. Left to itself V8 lets the heap grow to
 * several times what is alive under load, which buys nothing.
 */
const heap = ['--max-semi-space-size=64', '--heap-growing-percent=80'];
/** docs/adr/0030 */
const untraced = ['--require', path.join(path.dirname(mainFile), 'untraced-workflows.js')];

async function start() {
  const args = process.argv.slice(2);
  const spread = args.some((arg) => !arg.startsWith('-'));
  const paths = await bootstrap(spread ? ['opa'] : ['temporal', 'opa']);
  process.exitCode = await runConclave(args, withTools(paths));
}

/**
 * The terminal sends Ctrl-C to every process of the group, and npm sends it on once more. The child is kept in a group of
 * its own and told once; another signal after a second means that the user will not wait.
 */
function runConclave(args, env) {
  const child = spawn(process.execPath, [...heap, ...untraced, mainFile, 'start', ...args], {
    cwd: root,
    env,
    detached: true,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  let toldAt = 0;
  const pass = (signal) => {
    if (toldAt === 0) {
      toldAt = Date.now();
      child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
    } else if (Date.now() - toldAt > forceAfterMs) {
      log('stopped at once; the next start tidies up');
      child.kill('SIGKILL');
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signalNumbers[signal] ?? 0)));
  });
}

await start().catch(fail);
