import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Why `npm ci` is needed, or null. npm leaves in node_modules a list of what it installed: it must hold every package of
 * package-lock.json at the same version and checksum, save the optional ones that are not for this platform.
 */
export function staleDependencies(root) {
  const installedFile = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return 'node_modules is missing or incomplete';
  const installed = readPackages(installedFile);
  for (const [folder, wanted] of Object.entries(readPackages(path.join(root, 'package-lock.json')))) {
    if (folder === '' || (wanted.optional && !(folder in installed))) continue;
    const found = installed[folder];
    if (found?.version !== wanted.version || found?.integrity !== wanted.integrity) {
      return `node_modules does not match package-lock.json (${folder.replace(/^node_modules\//, '')})`;
    }
  }
  return null;
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}
