import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './run.mjs';

/** Compiles src into dist when a source, a tsconfig or the lock file changed since the last time. Returns the exit code. */
export async function compile(root, log) {
  const dist = path.join(root, 'dist');
  const stampFile = path.join(dist, '.sources.json');
  const before = readStamp(stampFile);
  const now = fingerprints(root);
  if (JSON.stringify(before) === JSON.stringify(now)) return 0;

  // tsc leaves the output of a deleted source behind, where it might still be loaded.
  if (Object.keys(before).some((file) => !(file in now))) rmSync(dist, { recursive: true, force: true });
  log('compiling');
  rmSync(stampFile, { force: true });
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
  if (code !== 0) return code;
  mkdirSync(dist, { recursive: true });
  writeFileSync(stampFile, JSON.stringify(now));
  return 0;
}

function fingerprints(root) {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true }).filter((file) =>
    file.endsWith('.ts'),
  );
  const files = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  files.push(...sources.map((file) => path.join('src', file)).sort());
  return Object.fromEntries(
    files.map((file) => {
      const { size, mtimeMs } = statSync(path.join(root, file));
      return [file, `${size} ${mtimeMs}`];
    }),
  );
}

function readStamp(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}
