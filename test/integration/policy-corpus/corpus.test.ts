import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadPolicies } from '../../../src/policy/load';
import { formatProblem } from '../../../src/policy/problem';
import { validatePolicies } from '../../../src/policy/validate';
import { compilerWith } from '../policy-support';
import { brokenBundles } from './broken-bundles';
import { layOut } from './lay-out';

type Fault = [code: string, file: string, line: number | null, column: number | null, message: string];
const expected = JSON.parse(readFileSync(path.join(__dirname, 'expected.json'), 'utf8')) as Readonly<
  Record<string, readonly Fault[]>
>;

let root: string;
beforeEach(() => (root = mkdtempSync(path.join(tmpdir(), 'broken-bundle-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Codes of what only tests, fixtures and trials bring to light; a start must not run those. */
const found = /^(?:rego_test_failed|fixture_\w+|invalid_decision|decision_\w+)$/;

describe('A corpus of broken bundles', () => {
  it('holds at least 60, and what is expected of each', () => {
    expect(brokenBundles.length).toBeGreaterThanOrEqual(60);
    expect(Object.keys(expected)).toEqual(brokenBundles.map(({ name }) => name));
    expect(Object.values(expected).filter((faults) => faults.length === 0)).toEqual([]);
  });

  it.each(brokenBundles.map((bundle) => [bundle.name, bundle] as const))(
    'a bundle %s is refused with its exact errors [2.4]',
    async (name, bundle) => {
      const [report] = await validatePolicies(layOut(root, bundle), { compiler: compilerWith() });
      expect(report).toMatchObject({ tenant: 'demo', bundle: 'broken', ok: false });
      expect(
        report!.errors.map(({ code, file, line, column, message }) => [code, file, line, column, message]),
      ).toEqual(expected[name]);
    },
  );

  it('is kept out at a start, unless it takes a test to see what is wrong, and with the same words', async () => {
    const compiler = compilerWith();
    for (const bundle of brokenBundles) {
      const faults = expected[bundle.name]!;
      const inTests = faults.every(
        ([code, file]) => found.test(code) || file.includes('_test.') || file.startsWith('fixtures/'),
      );
      const dir = layOut(mkdtempSync(path.join(root, 'bundle-')), bundle);
      const { refused } = await loadPolicies(dir, compiler);
      expect([bundle.name, refused.length]).toEqual([bundle.name, inTests ? 0 : 1]);
      if (inTests) continue;
      expect(refused[0]!.problems.map(formatProblem)).toEqual(
        faults.map(([code, file, line, column, message]) =>
          formatProblem({ code: code as 'symlink', file, line, column, message }),
        ),
      );
    }
  });
});
