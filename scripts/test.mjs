import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { bootstrap, BootstrapError, fail, log, root, withTools } from './bootstrap.mjs';
import { installedPostgres } from './lib/installed-postgres.mjs';
import { run } from './lib/run.mjs';
import { countTests, failedSuites, readResults, writeTogether } from './lib/test-results.mjs';
import { hasRedis, startTestServers } from './lib/test-servers.mjs';

// npm test [-- suite…] [--jest argument…]: set up what is missing, then run every suite, or the ones named.

const inRoot = (...parts) => path.join(root, ...parts);
const node = (...args) => [process.execPath, args];
/** What jest says of every test; the acceptance check reads it. */
const resultsFile = inRoot('coverage', 'results.json');
/** Not part of the whole: one needs servers that npm cannot bring, the other a quarter of an hour. .ci/run asks for them. */
const onlyByName = ['servers', 'long'];
/** What depends on the version of the database, or on Redis: run on those of Debian, too. */
const onInstalledServers = [
  ...['store/', 'audit/chain', 'identity/i', 'limits/keyed', 'limits/rate', 'tenants/tenants'],
  ...['core/idempotency', 'core/response-cache', 'core/shared-cache'],
].map((suite) => `integration/${suite}`);
/** Suites that measure time: each runs by itself, with servers of its own. */
const alone = ['chaos'];
/** As many suites may need a second chance, and no more: what breaks more than this is broken. */
const mostRetried = 3;
const bin = (...parts) => inRoot('node_modules', ...parts);

/** The unit suites alone, offline, against the threshold of jest.config.js. */
const unitCoverage = ['--coverage', '--coverageReporters', 'text-summary'];
unitCoverage.push('--coverageDirectory', inRoot('coverage', 'unit'));

/** Checks that need no server, in the order of how soon they tell. */
const before = {
  format: () => node(bin('prettier', 'bin', 'prettier.cjs'), '--check', '--log-level', 'warn', '.'),
  lint: () => node(bin('eslint', 'bin', 'eslint.js'), '.'),
  types: () => node(bin('typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--noEmit'),
  knip: () => node(bin('knip', 'bin', 'knip.js')),
  licenses: () => node(inRoot('scripts', 'check-licenses.mjs')),
  advisories: () => node(inRoot('scripts', 'check-advisories.mjs')),
  secrets: () => node(bin('secretlint', 'bin', 'secretlint.js'), '**/*'),
  rego: () => node(inRoot('dist', 'cli', 'main.js'), 'policy', 'validate-all'),
};
const after = {
  fuzz: () => node(inRoot('scripts', 'fuzz.mjs'), '--seconds', '60'),
  deploy: () => node(inRoot('scripts', 'check-deploy.mjs')),
  acceptance: () => node(inRoot('scripts', 'check-acceptance.mjs')),
};

async function test() {
  const { wanted, jestArgs } = parseArguments(process.argv.slice(2));
  const isWanted = (name) => (wanted.length === 0 ? !onlyByName.includes(name) : wanted.includes(name));
  const tools = await bootstrap();
  const outcomes = [];
  const step = async (name, command, args, environment) => {
    console.error(`\n── ${name} ${'─'.repeat(Math.max(0, 70 - name.length))}`);
    const began = Date.now();
    const code = await run(command, args, {
      cwd: root,
      env: withTools(tools, { ...process.env, ...environment }),
    });
    const outcome = { name, code, seconds: (Date.now() - began) / 1000 };
    outcomes.push(outcome);
    return outcome;
  };

  for (const [name, command] of Object.entries(before))
    if (isWanted(name)) await step(name, ...command(tools));
  const isMeasured = isWanted('coverage');
  const projects = jestProjects().filter((name) => isWanted(name) || (name === 'unit' && isMeasured));
  const apart = isMeasured ? ['unit', ...alone] : alone;
  const groups = [
    ...(isMeasured ? [['unit']] : []),
    projects.filter((name) => !apart.includes(name)),
    ...alone.map((name) => [name]),
  ].filter((group) => group.some((name) => projects.includes(name)));
  // A pattern need not find something in each of them.
  if (groups.length > 1 && jestArgs.length > 0) jestArgs.push('--passWithNoTests');
  const runs = [];
  for (const group of groups) {
    const measuring = isMeasured && group.includes('unit') ? unitCoverage : [];
    runs.push(...(await runJest(group, [...jestArgs, ...measuring], tools, step)));
  }
  if (groups.length > 0) writeTogether(resultsFile, runs);
  if (isWanted('servers')) await runOnInstalledServers(tools, step);
  for (const [name, command] of Object.entries(after)) {
    if (isWanted(name) && existsSync(command()[1][0])) await step(name, ...command());
  }
  summarise(outcomes, groups.length > 0);
}

/**
 * One jest run for as many projects as can share one; servers only where more than unit tests run. Suites against live
 * servers that fail are run once more, alone, and named in the summary: two cores under load are late at times.
 */
async function runJest(projects, jestArgs, tools, step) {
  mkdirSync(path.dirname(resultsFile), { recursive: true });
  const needsServers = projects.some((name) => name !== 'unit' && !alone.includes(name));
  const servers = needsServers ? await startTestServers(root, tools.temporal, log) : null;
  const jest = async (name, args) => {
    rmSync(resultsFile, { force: true });
    const command = [bin('jest', 'bin', 'jest.js'), '--json', `--outputFile=${resultsFile}`, ...args];
    const outcome = await step(name, process.execPath, command, servers?.environment);
    const results = readResults(resultsFile) ?? { testResults: [] };
    if (results.testResults.length === 0 && outcome.code !== 0) outcome.ranNothing = true;
    return { outcome, results };
  };
  return whileRunning(servers, async () => {
    const name = `jest: ${projects.join(', ')}`;
    const first = await jest(name, [...jestArgs, '--selectProjects', ...projects]);
    const failed = failedSuites(first.results);
    if (!servers || jestArgs.length > 0 || !mayRunAgain(failed)) return [first.results];
    const names = failed.map((suite) => path.relative(root, suite)).join(', ');
    const second = await jest(`jest again: ${names}`, ['--runInBand', '--runTestsByPath', ...failed]);
    if (second.outcome.code === 0) first.outcome.code = 0;
    return [first.results, second.results];
  });
}

/** The suites to which it matters, on Debian's PostgreSQL and Redis: what the embedded ones do must not be all that works. */
async function runOnInstalledServers(tools, step) {
  const postgresBin = installedPostgres();
  if (postgresBin === null || !hasRedis()) {
    const missing = postgresBin === null ? 'PostgreSQL' : 'redis-server';
    throw new BootstrapError(
      `Debian's ${missing} is not installed\n  Remedy: apt-get install postgresql redis-server`,
    );
  }
  const servers = await startTestServers(root, tools.temporal, log, postgresBin);
  const jest = [bin('jest', 'bin', 'jest.js'), '--selectProjects', 'integration', '--testPathPatterns'];
  await whileRunning(servers, () =>
    step(
      `servers: ${postgresBin}, redis-server`,
      process.execPath,
      [...jest, ...onInstalledServers],
      servers.environment,
    ),
  );
}

/** Stops servers after the work, and when it is interrupted. */
async function whileRunning(servers, work) {
  const stopOnSignal = () => void servers?.stop().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stopOnSignal);
  try {
    return await work();
  } finally {
    await servers?.stop();
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stopOnSignal);
  }
}

function mayRunAgain(failed) {
  const areLive = failed.every((suite) => !suite.startsWith(inRoot('test', 'unit')));
  return areLive && failed.length > 0 && failed.length <= mostRetried;
}

function jestProjects() {
  const { projects } = createRequire(import.meta.url)(inRoot('jest.config.js'));
  return projects.map((project) => project.displayName.name ?? project.displayName);
}

function parseArguments(args) {
  const split = args.indexOf('--jest');
  const wanted = split === -1 ? args : args.slice(0, split);
  const known = [...Object.keys(before), ...jestProjects(), 'coverage', 'servers', ...Object.keys(after)];
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new BootstrapError(`there is no suite ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
  return { wanted, jestArgs: split === -1 ? [] : args.slice(split + 1) };
}

function summarise(outcomes, hasTests) {
  console.error('');
  for (const { name, code, seconds } of outcomes) {
    console.error(`${code === 0 ? 'passed' : 'FAILED'}  ${name}  (${seconds.toFixed(1)} s)`);
  }
  const isFailed = ({ code }) => code !== 0;
  const checks = outcomes.filter(({ name }) => !name.startsWith('jest'));
  const tests = hasTests ? countTests(readResults(resultsFile)) : { passed: 0, failed: 0, skipped: 0 };
  // A run of jest that left no results counts as one failure.
  const failed = tests.failed + [...checks, ...outcomes.filter((o) => o.ranNothing)].filter(isFailed).length;
  const passed = tests.passed + checks.filter((check) => !isFailed(check)).length;
  console.log(`\n${passed} passed, ${failed} failed, ${tests.skipped} skipped`);
  if (outcomes.some(isFailed)) process.exitCode = 1;
}

await test().catch(fail);
