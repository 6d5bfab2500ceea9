import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { conclave } from '../../support/conclave-command';

let dir: string;
beforeEach(() => (dir = mkdtempSync(path.join(tmpdir(), 'conclave-policies-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(file: string, text: string): string {
  const full = path.join(dir, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

const policyOf = (bundle: string, more = ''): string =>
  `tenant_id: demo\npolicy_bundle: ${bundle}\nrequired_detectors: [pii]\n` +
  `coverage_calculation: { calculation_method: required_set }\n${more}`;

describe('conclave policy validate-all', () => {
  it('finds the bundles of the project valid against its registry', async () => {
    const { code, stdout } = await conclave(['policy', 'validate-all']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toContain('demo/default: ok');
    expect(lines.filter((line) => !/^\S+\/\S+: ok$/.test(line))).toEqual([]);
    expect(code).toBe(0);
  });

  it('reports schema faults, broken Rego with its place, failing tests and unknown detectors, and exits with 1', async () => {
    write('demo/plain/policy.yaml', policyOf('plain'));
    write('demo/unknown/policy.yaml', policyOf('unknown', 'optional_detectors: [nobody]\n'));
    write('demo/schema/policy.yaml', policyOf('schema', 'surprise: 1\n'));
    write('demo/broken/policy.yaml', policyOf('broken', 'rego_policy_path: rules\n'));
    write('demo/broken/rules/selection.rego', 'package orchestration\n\nselection := {\n');
    cpSync(path.resolve('policies/demo/default'), path.join(dir, 'demo/default'), { recursive: true });
    write(
      'demo/default/rules/failing_test.rego',
      'package orchestration_failing_test\n\ntest_never if {\n\t1 == 2\n}\n',
    );
    const { code, stdout } = await conclave(['policy', 'validate-all', dir]);
    expect(code).toBe(1);
    const report = Object.fromEntries(
      stdout
        .split(/^(?=demo\/)/m)
        .map((part) => part.split('\n'))
        .map(([head, ...faults]) => [head!, faults.join('\n').trim()]),
    );
    expect(Object.keys(report).toSorted()).toEqual([
      'demo/broken: invalid',
      'demo/default: invalid',
      'demo/plain: ok',
      'demo/schema: invalid',
      'demo/unknown: invalid',
    ]);
    expect(report['demo/broken: invalid']).toMatch(/selection\.rego:\d+:\d+/);
    expect(report['demo/default: invalid']).toContain('test_never');
    expect(report['demo/schema: invalid']).toContain('surprise');
    expect(report['demo/unknown: invalid']).toBe('error: nobody is not a registered detector');
  });

  const registryFaults: [claim: string, yaml: string, fault: RegExp][] = [
    ['is no YAML', 'detectors: [', /line 1/],
    [
      'has an unknown key',
      'detectors: [{ name: a, endpoint: "http://x", surprise: 1 }]',
      /detectors\.0: .*surprise/,
    ],
    ['has no endpoint', 'detectors: [{ name: a }]', /detectors\.0\.endpoint: /],
    [
      'names a detector twice',
      'detectors: [{ name: a, endpoint: "http://x" }, { name: a, endpoint: "http://y" }]',
      /a@1\.0 is registered twice/,
    ],
    [
      'goes in circles',
      'detectors: [{ name: a, endpoint: "http://x", depends_on: [b] }, { name: b, endpoint: "http://x", depends_on: [a] }]',
      /a.*b|b.*a/,
    ],
    [
      'holds a secret in the open',
      'detectors: [{ name: a, endpoint: "http://x", auth_type: bearer_token, auth_config: { secret_ref: sesame } }]',
      /detectors\.0\.auth_config\.secret_ref: must be a reference/,
    ],
    ['holds something else', '[]', /expected object/],
  ];
  it.each(registryFaults)(
    'names the file and the fault of a registry that %s',
    async (_claim, yaml, fault) => {
      const registry = write('detectors.yaml', yaml);
      const { code, stderr } = await conclave(['policy', 'validate-all', '--registry', registry]);
      expect(code).toBe(1);
      expect(stderr).toContain(`${registry} is not a valid registry:`);
      expect(stderr).toMatch(fault);
      expect(stderr).not.toMatch(/sesame|\n\s+at /);
    },
  );

  it('exits with 1 when the registry or the folder does not exist', async () => {
    const absent = path.join(dir, 'nowhere');
    for (const args of [['--registry', `${absent}.yaml`], [absent]]) {
      const { code, stderr } = await conclave(['policy', 'validate-all', ...args]);
      expect(code).toBe(1);
      expect(stderr).toContain(absent);
    }
  });
});

describe('conclave detector quality', () => {
  it('prints precision and recall of a builtin detector over its corpus', async () => {
    const { code, stdout } = await conclave(['detector', 'quality', 'language']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/precision.+recall/);
    expect(stdout).toMatch(/language.+\d+ texts.+\d\.\d{3}/);
  });

  it('exits with 1 for a detector that does not exist, naming those that do', async () => {
    const { code, stderr } = await conclave(['detector', 'quality', 'nobody']);
    expect(code).toBe(1);
    expect(stderr).toContain('no builtin detector is named "nobody"; there are ');
    expect(stderr).toContain('pii');
  });
});
