import satisfies from 'spdx-satisfies';
import { root } from './bootstrap.mjs';
import { billOfMaterials } from './lib/sbom.mjs';

// Fails when a deployment holds something whose license is not known to be permissive.

const permissive = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];
permissive.push('Python-2.0', 'Unlicense', 'Zlib');

/** What their packages do not say in SPDX's words: looked up in the license files they ship. */
const lookedUp = { ibantools: 'MIT OR MPL-2.0', unionfs: 'Unlicense' };

const refused = billOfMaterials(root, '--omit=dev')
  .components.map((component) => ({ ...component, license: licenseOf(component) }))
  .filter(({ license }) => !isPermissive(license))
  .map(({ name, version, license }) => `${name}@${version}: ${license}`);
if (refused.length > 0) {
  console.error(`Not under a license that is known to be permissive:\n  ${refused.join('\n  ')}`);
  console.error('Choose another package, or add the license to scripts/check-licenses.mjs after reading it.');
  process.exitCode = 1;
}

function licenseOf({ name, group, licenses = [] }) {
  const fullName = group ? `${group}/${name}` : name;
  if (Object.hasOwn(lookedUp, fullName)) return lookedUp[fullName];
  const named = licenses.map(({ expression, license }) => expression ?? license?.id ?? license?.name);
  return named.length === 0 ? 'none' : named.map((license) => `(${license})`).join(' AND ');
}

function isPermissive(license) {
  try {
    return satisfies(license, permissive);
  } catch {
    return false;
  }
}
