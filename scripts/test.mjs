import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { bootstrap, BootstrapError, fail, log, root, withTools } from './bootstrap.mjs';
import { run } from './lib/run.mjs';
import { startTestServers } from './lib/test-servers.mjs';

// npm test [-- suite…] [--jest argument…]: set up what is missing, then run every suite, or the ones named.

const inRoot = (...parts) => path.join(root, ...parts);
const node = (...args) => [process.execPath, args];
/** What jest says of every test; the acceptance check reads it. */
const resultsFile = inRoot('coverage', 'results.json');
/** Suites that measure time: each runs by itself, with servers of its own. */
const alone = ['chaos'];
const bin = (...parts) => inRoot('node_modules', ...parts);

/** The unit suites alone, offline, against the threshold of jest.config.js. */
const unitCoverage = ['--selectProjects', 'unit', '--coverage', '--coverageReporters', 'text-summary'];
unitCoverage.push('--coverageDirectory', inRoot('coverage', 'unit'), '--reporters', 'summary');

/** Checks that need no server, in the order of how soon they tell. */
const before = {
  format: () => node(bin('prettier', 'bin', 'prettier.cjs'), '--check', '--log-level', 'warn', '.'),
  lint: () => node(bin('eslint', 'bin', 'eslint.js'), '.'),
  types: () => node(bin('typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--noEmit'),
  knip: () => node(bin('knip', 'bin', 'knip.js')),
  rego: () => node(inRoot('dist', 'cli', 'main.js'), 'policy', 'validate-all'),
};
const after = {
  coverage: () => node(bin('jest', 'bin', 'jest.js'), ...unitCoverage),
  deploy: () => node(inRoot('scripts', 'check-deploy.mjs')),
  acceptance: () => node(inRoot('scripts', 'check-acceptance.mjs')),
};

async function test() {
  const { wanted, jestArgs } = parseArguments(process.argv.slice(2));
  const isWanted = (name) => wanted.length === 0 || wanted.includes(name);
  const tools = await bootstrap();
  const outcomes = [];
  const step = async (name, command, args, environment) => {
    console.error(`\n── ${name} ${'─'.repeat(Math.max(0, 70 - name.length))}`);
    const began = Date.now();
    const code = await run(command, args, {
      cwd: root,
      env: withTools(tools, { ...process.env, ...environment }),
    });
    outcomes.push({ name, code, seconds: (Date.now() - began) / 1000 });
  };

  for (const [name, command] of Object.entries(before))
    if (isWanted(name)) await step(name, ...command(tools));
  const projects = jestProjects().filter(isWanted);
  const groups = [projects.filter((name) => !alone.includes(name)), ...alone.map((name) => [name])].filter(
    (group) => group.some(isWanted),
  );
  // A pattern need not find something in each of them.
  if (groups.length > 1 && jestArgs.length > 0) jestArgs.push('--passWithNoTests');
  rmSync(resultsFile, { force: true });
  for (const group of groups) await runJest(group, jestArgs, tools, step);
  for (const [name, command] of Object.entries(after)) {
    if (isWanted(name) && existsSync(command()[1][0])) await step(name, ...command());
  }
  summarise(outcomes);
}

/** One jest run for as many projects as can share one; servers only where more than unit tests run. */
async function runJest(projects, jestArgs, tools, step) {
  mkdirSync(path.dirname(resultsFile), { recursive: true });
  const before = readResultsFile();
  rmSync(resultsFile, { force: true });
  const results = ['--json', `--outputFile=${resultsFile}`];
  const args = [bin('jest', 'bin', 'jest.js'), '--selectProjects', ...projects];
  const needsServers = projects.some((name) => name !== 'unit' && !alone.includes(name));
  const servers = needsServers ? await startTestServers(root, tools.temporal, log) : null;
  const stopOnSignal = () => void servers?.stop().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stopOnSignal);
  try {
    await step(
      `jest: ${projects.join(', ')}`,
      process.execPath,
      [...args, ...results, ...jestArgs],
      servers?.environment,
    );
  } finally {
    await servers?.stop();
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stopOnSignal);
  }
  const now = readResultsFile();
  if (before !== null && now !== null) writeFileSync(resultsFile, JSON.stringify(together(before, now)));
}

function readResultsFile() {
  return existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : null;
}

/** There is one count for all runs, and the acceptance check reads all their tests. */
function together(one, other) {
  const counts = Object.keys(one).filter((key) => key.startsWith('num'));
  const sums = Object.fromEntries(counts.map((key) => [key, one[key] + other[key]]));
  return { ...one, ...sums, testResults: [...one.testResults, ...other.testResults] };
}

function jestProjects() {
  const { projects } = createRequire(import.meta.url)(inRoot('jest.config.js'));
  return projects.map((project) => project.displayName.name ?? project.displayName);
}

function parseArguments(args) {
  const split = args.indexOf('--jest');
  const wanted = split === -1 ? args : args.slice(0, split);
  const known = [...Object.keys(before), ...jestProjects(), ...Object.keys(after)];
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new BootstrapError(`there is no suite ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
  return { wanted, jestArgs: split === -1 ? [] : args.slice(split + 1) };
}

function summarise(outcomes) {
  console.error('');
  for (const { name, code, seconds } of outcomes) {
    console.error(`${code === 0 ? 'passed' : 'FAILED'}  ${name}  (${seconds.toFixed(1)} s)`);
  }
  const checks = outcomes.filter(({ name }) => !name.startsWith('jest'));
  const tests = outcomes.length > checks.length ? readResults() : { passed: 0, failed: 0, skipped: 0 };
  const failed = tests.failed + checks.filter(({ code }) => code !== 0).length;
  const passed = tests.passed + checks.filter(({ code }) => code === 0).length;
  console.log(`\n${passed} passed, ${failed} failed, ${tests.skipped} skipped`);
  if (outcomes.some(({ code }) => code !== 0)) process.exitCode = 1;
}

/** A suite that did not even load counts as one failure; so does a run that left no results. */
function readResults() {
  const results = readResultsFile();
  if (results === null) return { passed: 0, failed: 1, skipped: 0 };
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
    skipped: results.numPendingTests + results.numTodoTests,
  };
}

await test().catch(fail);
