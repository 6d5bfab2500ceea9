import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

// node scripts/complete-lock.mjs: run it after adding or updating a package.
//
// npm leaves out of package-lock.json the optional packages for other platforms that the registry at hand does not carry,
// and `npm ci` then refuses the whole file. This adds them back as what they are: optional, for another platform, at the
// exact version their parent asks for. `npm ci` skips them where the platform differs.

const lockFile = path.resolve(import.meta.dirname, '..', 'package-lock.json');
const systems = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
  'aix',
];
const processors = [
  'arm64',
  'arm',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'x64',
  'wasm32',
];

const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
const added = [];
for (const [folder, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (isLocked(folder, name) || !/^\d+\.\d+\.\d+/.test(version)) continue;
    lock.packages[`node_modules/${name}`] = { version, ...platform(name), optional: true };
    added.push(name);
  }
}
const packages = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(lockFile, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`);
console.log(`${added.length} optional packages added${added.length === 0 ? '' : `: ${added.join(', ')}`}`);

/** As Node would find it: beside the package or in any folder above. */
function isLocked(folder, name) {
  for (let at = folder; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    if (`${at === '' ? '' : `${at}/`}node_modules/${name}` in lock.packages) return true;
    if (at === '') return false;
  }
}

function platform(name) {
  const words = name.split(/[-/]/);
  const cpu =
    processors.find((processor) => words.includes(processor)) ?? (words.includes('arm') ? 'arm' : undefined);
  const os = systems.find((system) => words.includes(system));
  return { ...(cpu && { cpu: [cpu] }), ...(os && { os: [os] }) };
}
