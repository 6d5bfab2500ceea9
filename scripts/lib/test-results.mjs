import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** What jest says of every test (`--json`), kept in a file that the acceptance check reads. */
export function readResults(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

/** The results of several runs as those of one; of a suite that ran twice the later ones hold. */
export function writeTogether(file, runs) {
  const suites = new Map(runs.flatMap(({ testResults }) => testResults).map((suite) => [suite.name, suite]));
  writeFileSync(file, JSON.stringify({ testResults: [...suites.values()] }));
}

export function failedSuites({ testResults }) {
  return testResults.filter(({ status }) => status === 'failed').map(({ name }) => name);
}

/** A suite that did not even load, or failed outside its tests, counts as one failure. */
export function countTests({ testResults }) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { status, assertionResults } of testResults) {
    const failed = assertionResults.filter((test) => test.status === 'failed').length;
    const passed = assertionResults.filter((test) => test.status === 'passed').length;
    counts.failed += status === 'failed' ? Math.max(1, failed) : 0;
    counts.passed += passed;
    counts.skipped += assertionResults.length - failed - passed;
  }
  return counts;
}
