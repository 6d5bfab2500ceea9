import { randomUUID } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const rules = `package orchestration

coverage := {"coverage_met": met}

default met := false

met if {
	input.coverage_achieved >= 0.9
	input.coverage_method == "required_set"
}
`;
const regoTest = `package orchestration_test

import data.orchestration

test_all_judged if {
	orchestration.coverage.coverage_met with input as {"coverage_achieved": 1, "coverage_method": "required_set"}
}
`;

/** A sound bundle in `demo/<name>`. */
function ruled(name: string, files: Readonly<Record<string, string>> = {}): string {
  write(`demo/${name}/policy.yaml`, policyOf(name, 'rego_policy_path: rules\n'));
  write(`demo/${name}/rules/coverage.rego`, rules);
  write(`demo/${name}/rules/coverage_test.rego`, regoTest);
  for (const [file, text] of Object.entries(files)) write(`demo/${name}/${file}`, text);
  return path.join(dir, 'demo', name);
}

describe('conclave policy validate', () => {
  it('finds a sound bundle valid, by its folder and by its policy.yaml, wherever they lie [2.4] [13.2]', async () => {
    const bundle = ruled('sound');
    for (const given of [bundle, path.join(bundle, 'policy.yaml')]) {
      const { code, stdout } = await conclave(['policy', 'validate', given]);
      expect([code, stdout]).toEqual([0, 'demo/sound: ok\n']);
    }
  });

  it('gives the whole report as JSON, and every fault as a failed case of JUnit [2.4]', async () => {
    const bundle = ruled('broken', {
      'rules/coverage.rego': 'package orchestration\n\ncoverage := {"coverage_met": http.send({}) > "<&>"}\n',
    });
    const json = await conclave(['policy', 'validate', bundle, '--format', 'json']);
    expect(json.code).toBe(1);
    const [report] = JSON.parse(json.stdout);
    const fault = { code: 'forbidden_builtin', file: 'rules/coverage.rego', line: 3, column: 30 };
    expect(report).toMatchObject({
      tenant: 'demo',
      bundle: 'broken',
      version: '1.0',
      ok: false,
      errors: [fault],
      missing_detectors: [],
      compilation: { ok: false, errors: [fault], tests_run: 0, tests_failed: 0 },
    });
    const junit = await conclave(['policy', 'validate', bundle, '--format', 'junit']);
    expect(junit.code).toBe(1);
    expect(junit.stdout).toContain('<testsuite name="demo/broken" tests="1" failures="1" errors="0">');
    expect(junit.stdout).toContain('<failure type="forbidden_builtin" message="rules/coverage.rego:3:30: ');
    const sound = await conclave(['policy', 'validate', ruled('sound'), '--format', 'junit']);
    expect(sound.code).toBe(0);
    expect(sound.stdout).toContain('<testcase classname="demo/sound" name="is valid"/>');
  });

  it('warns of what never matters, and takes that for an error when told to', async () => {
    const bundle = ruled('idle', {
      'rules/idle.rego':
        'package orchestration\n\nunused if input.content_type == "video"\n\nother if input.contentt_type == "text"\n',
    });
    write(
      'demo/idle/policy.yaml',
      policyOf(
        'idle',
        'rego_policy_path: rules\nfailure_policy: [{ action: fail_open }, { action: secondary }]\n',
      ),
    );
    const { code, stdout } = await conclave(['policy', 'validate', bundle]);
    expect(code).toBe(0);
    for (const line of [
      'policy.yaml:6:41: failure_policy.1: never fires: failure_policy.0 comes first and fits all that it fits',
      'rules/idle.rego:3:1: no decision uses orchestration.unused',
      'rules/idle.rego:3:33: input.content_type is never "video", only text, image, document, code',
      'rules/idle.rego:5:10: undefined ref: input.contentt_type',
    ])
      expect(stdout).toContain(`  warning: ${line}\n`);
    expect((await conclave(['policy', 'validate', bundle, '--strict'])).code).toBe(1);
  });

  it('ends rules that run without end, and says which decision it was', async () => {
    const endless = 'count([1 | some a in r; some b in r; some c in r; some d in r; a + b + c + d > 9999])';
    const bundle = ruled('endless', {
      'rules/coverage.rego': `package orchestration\n\nr := numbers.range(1, 300)\n\ncoverage := {"coverage_met": ${endless} > 0}\n`,
      'rules/coverage_test.rego': 'package t\n\ntest_nothing if true\n',
    });
    const { code, stdout } = await conclave(['policy', 'validate', bundle]);
    expect(code).toBe(1);
    expect(stdout).toContain('error: rules/coverage.rego:5:1: coverage fails for coverage_achieved=1');
  });

  it('exits with 1 for what is no bundle, and with 2 when misused', async () => {
    const none = await conclave(['policy', 'validate', dir]);
    expect([none.code, none.stderr]).toEqual([1, `${dir} is no bundle: it has no policy.yaml\n`]);
    for (const args of [
      ['validate'],
      ['validate', dir, '--format', 'xml'],
      ['test', dir, '--threshold', '200'],
    ]) {
      expect((await conclave(['policy', ...args])).code).toBe(2);
    }
  });
});

describe('conclave policy test', () => {
  const fixtures = (met: boolean) =>
    `- name: half is not enough\n  decision: coverage\n  input: { coverage_achieved: 0.5 }\n  expect: { coverage_met: ${met} }\n`;

  it('runs Rego tests and fixtures and says what they covered [2.4] [13.2]', async () => {
    const bundle = ruled('sound', { 'fixtures/half.yaml': fixtures(false) });
    const { code, stdout } = await conclave(['policy', 'test', bundle, '--coverage']);
    expect(stdout).toContain('demo/sound: 1/1 tests, 1/1 fixtures, 100 % of the rules covered\n');
    expect(code).toBe(0);
  });

  it('fails with the fixture that is decided otherwise, and with too little coverage', async () => {
    const wrong = await conclave([
      'policy',
      'test',
      ruled('wrong', { 'fixtures/half.yaml': fixtures(true) }),
    ]);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toContain(
      'error: fixtures/half.yaml:1:3: half is not enough: coverage.coverage_met is false, expected true',
    );
    const little = ruled('little', {
      'rules/conflict.rego':
        'package orchestration\n\nconflict := {"resolution_strategy": "majority_vote"}\n',
    });
    const { code, stdout } = await conclave(['policy', 'test', little, '--threshold', '95']);
    expect(code).toBe(1);
    expect(stdout).toContain('  not covered: rules/conflict.rego: 3\n');
    expect(stdout).toMatch(/error: tests and fixtures run through \d+(\.\d)? % of the rules, less than 95 %/);
  });
});

describe('conclave policy fmt', () => {
  it('names the files that are not in the usual form, and rewrites them', async () => {
    const bundle = ruled('untidy', {
      'rules/conflict.rego': 'package orchestration\nconflict:={"tie_breaker":"alphabetical"}',
    });
    const file = path.join(bundle, 'rules', 'conflict.rego');
    const check = await conclave(['policy', 'fmt', bundle, '--check']);
    expect([check.code, check.stdout]).toEqual([1, `${file}\n`]);
    expect((await conclave(['policy', 'fmt', dir])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(
      'package orchestration\n\nconflict := {"tie_breaker": "alphabetical"}\n',
    );
    expect(await conclave(['policy', 'fmt', bundle, '--check'])).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('conclave policy explain', () => {
  it('shows the decision, the rules that made it, and the condition that kept the others out [13.2]', async () => {
    const bundle = ruled('sound');
    const input = write('input.yaml', 'coverage_achieved: 0.5\n');
    const args = ['policy', 'explain', bundle, '--decision', 'coverage', '--input', input];
    const { code, stdout } = await conclave([...args, '--format', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      decision: 'coverage',
      input: { tenant_id: 'demo', coverage_achieved: 0.5, threshold: 0.8 },
      outcome: { kind: 'decision', value: { coverage_met: false } },
      rules: [
        { rule: 'orchestration.coverage', line: 3, fired: true, stopped_at: null },
        { rule: 'orchestration.met', line: 5, fired: true, stopped_at: null },
        {
          rule: 'orchestration.met',
          line: 7,
          fired: false,
          stopped_at: { line: 8, text: 'input.coverage_achieved >= 0.9' },
        },
      ],
    });
    const table = await conclave([...args, '--trace']);
    expect(table.stdout).toMatch(
      /orchestration\.met.*rules\/coverage\.rego:7.*no.*8: input\.coverage_achieved >= 0\.9/,
    );
    expect(table.stdout).toMatch(/Enter data\.orchestration\.coverage/);
  });

  it('says where static fields decide', async () => {
    const { code, stdout } = await conclave(['policy', 'explain', ruled('sound'), '--decision', 'selection']);
    expect(code).toBe(0);
    expect(stdout).toBe("selection: decided by the static fields, the bundle's Rego does not define it\n");
  });
});

describe('a rule that does not come to an end', () => {
  it('is an error with its place, and holds nobody up [2.4] [13.2]', async () => {
    const endless = `package orchestration

selection := {"selected_detectors": ["pii"]} if {
	n := {x | some x in numbers.range(1, 3000)}
	count([1 | some i in n; some j in n; some k in n; i == j; j == k; i == 0]) == 0
}
`;
    const dir = ruled('endless', { 'rules/selection.rego': endless });
    const { code, stdout } = await conclave(['policy', 'validate', dir, '--format', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      {
        ok: false,
        errors: [
          {
            code: 'decision_slow',
            file: 'rules/selection.rego',
            line: 3,
            column: 1,
            message: expect.stringContaining('took over 1000 ms') as string,
          },
        ],
      },
    ]);
  });
});

describe('conclave policy without a working opa', () => {
  const version = '[ "$1" = version ] && { echo "Version: 1.22.0"; exit 0; }';
  const script = (text: string) => {
    const file = write('bin/opa', `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
    return { CONCLAVE_OPA_BIN: file };
  };

  it.each([
    [
      'finds the disk full',
      `${version}; echo "open x: no space left on device" >&2; exit 1`,
      /no space left on device/,
    ],
    ['is killed', `${version}; kill -9 $$`, /opa was killed \(SIGKILL\)/],
    ['is another program', 'echo hello', /there is no working opa.*CONCLAVE_OPA_BIN/],
  ])('says nothing about a bundle when opa %s, and exits with 2 [2.4] [13.2]', async (_claim, text, told) => {
    const dir = ruled('unjudged', { 'rules/coverage.rego': `${rules}# ${randomUUID()}\n` });
    for (const command of ['validate', 'test']) {
      const { code, stdout, stderr } = await conclave(['policy', command, dir], script(text));
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(told);
    }
  });
});

describe('conclave policy compare', () => {
  it('tells fields, what they mean, and the Rego', async () => {
    const from = ruled('old');
    const to = ruled('new', { 'rules/coverage.rego': rules.replace('0.9', '0.95') });
    write(
      'demo/old/policy.yaml',
      policyOf('same', 'rego_policy_path: rules\noptional_detectors: [toxicity, secrets]\n'),
    );
    write(
      'demo/new/policy.yaml',
      policyOf(
        'same',
        'rego_policy_path: rules\noptional_detectors: [secrets, toxicity]\nconflict_resolution: most_restrictive\n',
      ),
    );
    const { code, stdout } = await conclave(['policy', 'compare', from, to]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/conflict_resolution.*-.*most_restrictive.*stricter/);
    expect(stdout).not.toContain('optional_detectors');
    expect(stdout).toContain('-\tinput.coverage_achieved >= 0.9\n+\tinput.coverage_achieved >= 0.95\n');
    expect((await conclave(['policy', 'compare', from, to, '--exit-code'])).code).toBe(1);
    expect(await conclave(['policy', 'compare', from, from, '--exit-code'])).toMatchObject({
      code: 0,
      stdout: 'no difference\n',
    });
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
