import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

// Holds docs/acceptance.md against the last full test run: every box of the contract's checklist is there, and every test
// it names exists and passed. With --write the proofs are written anew from the ids in the tests' names, e.g. "[C.2]".

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..');
const document = path.join(root, 'docs', 'acceptance.md');
const resultsFile = path.join(root, 'coverage', 'results.json');
const row = /^\| (?<id>(?:[ACF]|platform )?\.?[\d.]*\d|C) \| (?<claim>.*?) \| (?<proof>.*) \|$/;
const { projects } = createRequire(import.meta.url)(path.join(root, 'jest.config.js'));
const longSuites = projects
  .find(({ displayName }) => displayName === 'long')
  .testMatch.map((file) => file.replace('<rootDir>/', ''));
const proofPattern = /`(?<file>[^`]+)` (?<title>.*?)(?:<br>|$)/g;

function main() {
  if (!existsSync(resultsFile)) return fail(['there are no test results: run npm test']);
  const tests = readTests();
  const lines = readFileSync(document, 'utf8').split('\n');
  const boxes = lines.map((line) => row.exec(line)?.groups).filter(Boolean);
  if (process.argv.includes('--write')) return write(lines, tests);

  const faults = boxes.flatMap(({ id, proof }) => faultsOf(id, proof, tests));
  const ids = boxes.map(({ id }) => id);
  faults.push(
    ...expectedIds()
      .filter((id) => !ids.includes(id))
      .map((id) => `${id} is missing from docs/acceptance.md`),
  );
  if (faults.length > 0) return fail(faults);
  const open = boxes.filter(({ proof }) => proof.startsWith('open')).length;
  console.log(`acceptance: ${boxes.length - open} boxes proven by passing tests, ${open} open`);
}

function faultsOf(id, proof, tests) {
  if (proof.startsWith('open')) return [];
  if (proof.startsWith('step ')) return missingSteps(id, proof);
  const named = [...proof.matchAll(proofPattern)].map(({ groups }) => groups);
  if (named.length === 0) return [`${id} names no test and is not marked open`];
  return named
    .filter(({ file }) => !isLeftOut(file, tests))
    .filter(
      ({ file, title }) => !tests.some((test) => test.file === file && test.title === title && test.passed),
    )
    .map(({ file, title }) => `${id}: no passing test "${title}" in ${file}`);
}

/** Suites of `npm test long` are no part of other runs. */
function isLeftOut(file, tests) {
  return longSuites.includes(file) && !tests.some((test) => test.file === file);
}

/** What is proven by a step of npm test as a whole; that it passed is what npm test itself says. */
function missingSteps(id, proof) {
  const runner = readFileSync(path.join(root, 'scripts', 'test.mjs'), 'utf8');
  const named = [...proof.matchAll(/`(\w+)`/g)].map(([, step]) => step);
  return named
    .filter((step) => !new RegExp(`^  ${step}: \\(|'${step}'`, 'm').test(runner))
    .map((step) => `${id}: npm test has no step ${step}`);
}

function write(lines, tests) {
  const written = lines.map((line) => {
    const box = row.exec(line)?.groups;
    if (!box) return line;
    const proofs = tests.filter(({ ids, passed }) => passed && ids.includes(box.id));
    if (box.proof.startsWith('open')) return line;
    const leftOut = [...box.proof.matchAll(proofPattern)]
      .map(({ groups }) => groups)
      .filter(({ file }) => isLeftOut(file, tests));
    const cells = [...proofs, ...leftOut].map(({ file, title }) => `\`${file}\` ${title}`);
    if (cells.length === 0) return line;
    return `| ${box.id} | ${box.claim} | ${[...new Set(cells)].sort().join('<br>')} |`;
  });
  writeFileSync(document, written.join('\n'));
}

function readTests() {
  const { testResults } = JSON.parse(readFileSync(resultsFile, 'utf8'));
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status }) => ({
      file: path.relative(root, name),
      title: fullName.replaceAll('|', '/').replaceAll('`', "'").replaceAll(/\s+/g, ' '),
      passed: status === 'passed',
      ids: [...fullName.matchAll(/\[([^\]]+)\]/g)].flatMap(([, ids]) => ids.split(/,\s*/)),
    })),
  );
}

/** The boxes of the checklists: of orchestration all, of the gateway authentication, of the platform what they leave out. */
function expectedIds() {
  const numbered = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
  const parts = {
    1: 0,
    2: 4,
    3: 2,
    4: 2,
    5: 2,
    6: 2,
    7: 2,
    8: 2,
    9: 2,
    10: 2,
    11: 3,
    12: 2,
    13: 2,
    14: 2,
    15: 2,
    16: 2,
    17: 2,
    18: 2,
  };
  const builds = Object.entries(parts).flatMap(([item, count]) => [item, ...numbered(`${item}.`, count)]);
  const platform = [...numbered('platform 21.', 5), 'platform 29'];
  return ['C', ...numbered('C.', 9), ...builds, ...numbered('F.', 14), ...numbered('A', 12), ...platform];
}

function fail(faults) {
  for (const fault of faults) console.error(`acceptance: ${fault}`);
  process.exitCode = 1;
}

main();
