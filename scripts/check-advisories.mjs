import { spawnSync } from 'node:child_process';
import { root } from './bootstrap.mjs';

// Fails on known vulnerabilities of high or critical severity. A registry that has no advisories is named, and fails nothing.

const limitMs = 60_000;
const { stdout } = spawnSync('npm', ['audit', '--json'], { cwd: root, encoding: 'utf8', timeout: limitMs });
const found = reportIn(stdout)?.metadata?.vulnerabilities;
if (!found) {
  console.error('This registry gives no advisories: whether any are known was not checked.');
} else if (found.high + found.critical > 0) {
  console.error(`${found.high} high and ${found.critical} critical: see npm audit`);
  process.exitCode = 1;
}

function reportIn(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
