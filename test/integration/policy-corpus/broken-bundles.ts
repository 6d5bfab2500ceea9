/** What a broken bundle holds. A function of its folder can make what a text cannot, such as links. */
export interface BrokenBundle {
  readonly name: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Symbolic links: from a path in the bundle to a target. */
  readonly links?: Readonly<Record<string, string>>;
}

/** Four lines; what a bundle adds begins on the fifth. */
const base = [
  'tenant_id: demo',
  'policy_bundle: broken',
  'required_detectors: [pii]',
  'coverage_calculation: { calculation_method: required_set }',
  '',
].join('\n');
const ruled = `${base}rego_policy_path: rules\n`;
const fields = (name: string, yaml: string, text = base): BrokenBundle => ({
  name,
  files: { 'policy.yaml': text + yaml },
});
const whole = (name: string, yaml: string | Uint8Array): BrokenBundle => ({
  name,
  files: { 'policy.yaml': yaml },
});
const rego = (name: string, rules: string | Uint8Array, file = 'rules/policy.rego'): BrokenBundle => ({
  name,
  files: {
    'policy.yaml': ruled,
    [file]: typeof rules === 'string' ? `package orchestration\n\n${rules}\n` : rules,
  },
});
const sound = 'package orchestration\n\ncoverage := {"coverage_met": input.coverage_achieved > 0.5}\n';
const beside = (
  name: string,
  files: BrokenBundle['files'],
  links: BrokenBundle['links'] = {},
): BrokenBundle => ({
  name,
  files: { 'policy.yaml': ruled, 'rules/policy.rego': sound, ...files },
  links,
});
const weighted = (weights: string) =>
  [
    'tenant_id: demo',
    'policy_bundle: broken',
    'required_detectors: []',
    'coverage_calculation:',
    '  calculation_method: weighted_coverage',
    `  weighted_requirements: ${weights}`,
    '',
  ].join('\n');
const bytes = (...parts: readonly (string | readonly number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const bomb = [
  'policy_data:',
  '  a: &a [x, x, x, x, x, x, x, x, x]',
  ...'bcdefghi'.split('').map((letter, index) => {
    const before = 'abcdefgh'[index];
    return `  ${letter}: &${letter} [*${before}, *${before}, *${before}, *${before}, *${before}, *${before}, *${before}, *${before}, *${before}]`;
  }),
  '',
].join('\n');

const yamlBundles: readonly BrokenBundle[] = [
  { name: 'without policy.yaml', files: { 'README.md': 'nothing' } },
  { name: 'with a folder for policy.yaml', files: { 'policy.yaml/a.txt': 'nothing' } },
  whole('with an empty policy.yaml', ''),
  whole('with nothing but comments', '# later\n'),
  whole('with a list for a policy', '- a\n- b\n'),
  whole('with a scalar for a policy', 'yes\n'),
  whole('with a null for a policy', 'null\n'),
  whole('with two documents in one file', `${base}---\n${base}`),
  whole('with a missing colon', 'tenant_id demo\npolicy_bundle: broken\n'),
  whole('with a tab for indentation', `${base}policy_data:\n\ta: 1\n`),
  fields('with an unclosed map', 'policy_data: { a: 1\n'),
  fields('with an unclosed quote', 'version: "1.0\n'),
  fields('with a key given twice', 'version: "1.0"\nversion: "1.1"\n'),
  fields('with a key given twice deep inside', 'policy_data:\n  a: 1\n  a: 2\n'),
  fields('with an unknown anchor', 'policy_data: *nobody\n'),
  fields('with a custom tag', 'policy_data: !!js/function "return 1"\n'),
  fields('with a YAML bomb', bomb),
  fields('with an anchor that holds itself', 'policy_data: &a { a: *a }\n'),
  fields('with lists in lists without end', `policy_data: { a: ${'['.repeat(40)}${']'.repeat(40)} }\n`),
  fields(
    'with lists in lists by the ten thousand',
    `policy_data: { a: ${'['.repeat(20_000)}${']'.repeat(20_000)} }\n`,
  ),
  fields('with a key that JavaScript would not keep', 'policy_data:\n  __proto__: { admin: true }\n'),
  whole('that is not UTF-8', bytes(base, 'policy_data: { name: "caf', [0xe9], '" }\n')),
  whole('that is UTF-16', Buffer.from(`\ufeff${base}`, 'utf16le')),
  whole('that is larger than policies are', `${base}# ${'x'.repeat(300_000)}\n`),
  whole('with a byte order mark and a wrong value', `\ufeff${base}rate_limit_per_minute: 0\n`),
  whole('with CRLF and a wrong value', `${base}rate_limit_per_minute: 0\n`.replaceAll('\n', '\r\n')),
];

const fieldBundles: readonly BrokenBundle[] = [
  fields('with an unknown key', 'conflict_resolutoin: most_restrictive\n'),
  fields('with two unknown keys', 'a: 1\nb: 2\n'),
  fields('with a merge key', 'policy_data: &d { x: 1 }\n<<: *d\n'),
  whole(
    'with an unknown key deep inside',
    weighted('{ pii: 1.0 }').replace('  weighted', '  treshold: 0.5\n  weighted'),
  ),
  whole('without required fields', 'tenant_id: demo\n'),
  fields('with a number for a version', 'version: 1.0\n'),
  fields('with a version of one part', 'version: "1"\n'),
  whole('of a tenant with a path for a name', base.replace('tenant_id: demo', 'tenant_id: ../demo')),
  whole(
    'with letters of another script in its name',
    base.replace('policy_bundle: broken', 'policy_bundle: "brоken"'),
  ),
  whole('of a tenant that the folder does not name', base.replace('tenant_id: demo', 'tenant_id: other')),
  whole(
    'of a name that the folder does not have',
    base.replace('policy_bundle: broken', 'policy_bundle: other'),
  ),
  whole('with a string for a list', base.replace('[pii]', 'pii')),
  whole('without a required detector', base.replace('[pii]', '[]')),
  whole('with a number among names', base.replace('[pii]', '[pii, 7]')),
  fields('with a detector both required and optional', 'optional_detectors: [pii]\n'),
  whole(
    'with a required set that is another',
    base.replace('required_set }', 'required_set, required_detector_set: [toxicity] }'),
  ),
  whole('with an unknown method', base.replace('required_set', 'most_of_them')),
  whole(
    'with a threshold over 1',
    base.replace('required_set', 'required_set, partial_coverage_threshold: 80'),
  ),
  whole(
    'with a threshold of nothing',
    base.replace('required_set', 'required_set, partial_coverage_threshold: 0'),
  ),
  whole('with weights over 1', weighted('{ pii: 0.7, secrets: 0.6 }')),
  whole('with weights under 1', weighted('{ pii: 0.3, secrets: 0.3, toxicity: 0.3 }')),
  whole('without weights', weighted('{}')),
  whole('with a negative weight', weighted('{ pii: 1.5, secrets: -0.5 }')),
  whole('with a weight that is no number', weighted('{ pii: .nan }')),
  whole('with a weight in words', weighted('{ pii: all }')),
  fields('with an unknown strategy', 'conflict_resolution: strictest\n'),
  fields('with an unknown strategy for a type', 'conflict_resolution_overrides: { text: strictest }\n'),
  fields('with a strategy for an unknown type', 'conflict_resolution_overrides: { video: majority_vote }\n'),
  fields('with a timeout under the least', 'timeout_config: { pii: 20 }\n'),
  fields('with more retries than there are', 'retry_config: { pii: 9 }\n'),
  fields('with a weight of nothing', 'priority_weights: { pii: 0 }\n'),
  fields('with routing of an unknown type', 'content_type_routing: { video: [pii] }\n'),
  fields(
    'that opens refused credentials',
    'failure_policy:\n  - { causes: [timeout, credentials], action: fail_open }\n',
  ),
  fields('with an unknown action on failure', 'failure_policy: [{ action: ignore }]\n'),
  fields(
    'with more failure rules than there may be',
    `failure_policy: [${'{ action: fail_closed }, '.repeat(51)}]\n`,
  ),
  fields('with a date that YAML would make', 'policy_data: { since: 2024-01-01, until: .inf }\n'),
];

const pathBundles: readonly BrokenBundle[] = [
  fields('with rules outside', 'rego_policy_path: ../other/rules\n'),
  fields('with rules outside by a way round', 'rego_policy_path: rules/../../other\n'),
  fields('with rules at an absolute path', 'rego_policy_path: /etc/passwd\n'),
  fields('with rules outside, as Windows writes it', 'rego_policy_path: "..\\\\other"\n'),
  fields('with rules on a drive', 'rego_policy_path: "C:\\\\rules"\n'),
  fields('with rules that are not there', 'rego_policy_path: rulez\n'),
  fields('with a NUL in its path', 'rego_policy_path: "rules\\0.rego"\n'),
  { name: 'with rules that are not used', files: { 'policy.yaml': base, 'rules/policy.rego': sound } },
  { name: 'with a folder of no rules', files: { 'policy.yaml': ruled, 'rules/notes.txt': 'later' } },
  {
    name: 'with nothing but tests',
    files: { 'policy.yaml': ruled, 'rules/policy_test.rego': 'package t\n' },
  },
  beside('with a link out of the bundle', {}, { 'rules/more.rego': '../../../outside.rego' }),
  beside('with a link to a secret', {}, { 'rules/passwd.rego': '/etc/passwd' }),
  beside('with a link to nothing', {}, { 'rules/gone.rego': 'nowhere.rego' }),
  beside('with a link to a folder', {}, { 'rules/loop.rego': '.' }),
  { name: 'whose policy.yaml is a link out', files: {}, links: { 'policy.yaml': '/etc/passwd' } },
  { name: 'whose rules are a link out', files: { 'policy.yaml': ruled }, links: { rules: '/etc' } },
  beside('with folders in folders', { [`rules/${'a/'.repeat(12)}deep.rego`]: sound }),
  beside(
    'with more files than policies have',
    Object.fromEntries(
      Array.from({ length: 201 }, (_, index) => [`rules/f${index}.rego`, `package f${index}\n`]),
    ),
  ),
  beside('with more Rego than policies have', {
    'rules/large.rego': `package large\n# ${'x'.repeat(1_100_000)}\n`,
  }),
  beside('with a name that reads backwards', { 'rules/\u202egoer.rego': sound }),
  beside('with a name of two lines', { 'rules/a\nb.rego': sound }),
];

const regoBundles: readonly BrokenBundle[] = [
  rego('whose Rego is empty', bytes('')),
  rego('whose Rego is only a package', ''),
  rego('whose Rego has no package', bytes('selection := 1\n')),
  rego('whose Rego is not UTF-8', bytes('package orchestration\n\n# caf', [0xe9], '\n')),
  rego('whose Rego is a picture', Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB', 'base64')),
  rego('with an unclosed object', 'selection := {\n'),
  rego('with an operator too many', 'coverage := {"coverage_met": input.threshold > > 1}'),
  rego('with the syntax of Rego v0', 'coverage = {"coverage_met": true} { input.threshold > 0.5 }'),
  rego(
    'with CRLF and an unknown function',
    bytes('package orchestration\r\n\r\ncoverage := {"coverage_met": foo(1)}\r\n'),
  ),
  rego(
    'with a byte order mark and an unknown function',
    bytes([0xef, 0xbb, 0xbf], 'package orchestration\n\ncoverage := {"coverage_met": foo(1)}\n'),
  ),
  rego('with an unsafe variable', 'coverage := {"coverage_met": x}'),
  rego(
    'with a variable that nobody uses',
    'coverage := {"coverage_met": true} if {\n\tx := input.threshold\n}',
  ),
  rego('with an import that nobody uses', 'import data.lib\n\ncoverage := {"coverage_met": true}'),
  rego('that adds a number and a word', 'coverage := {"coverage_met": 1 + "a" > 0}'),
  rego('that calls with too many arguments', 'coverage := {"coverage_met": count([], 1) == 0}'),
  rego('with a rule that asks itself', 'coverage := {"coverage_met": coverage.coverage_met}'),
  rego('with rules that ask each other', 'coverage := {"coverage_met": a}\n\na := b\n\nb := a'),
  rego('with a function that calls itself', 'coverage := {"coverage_met": f(100)}\n\nf(n) := f(n - 1)'),
  rego(
    'that asks the network',
    'selection := http.send({"method": "get", "url": "http://169.254.169.254/"})',
  ),
  rego('that asks a name server', 'selection := {"selected_detectors": net.lookup_ip_addr("x.example")}'),
  rego('that asks the environment', 'selection := {"selected_detectors": [opa.runtime().env.PATH]}'),
  rego('that asks the clock', 'coverage := {"coverage_met": time.now_ns() > 0}'),
  rego('that asks chance', 'coverage := {"coverage_met": rand.intn("a", 2) == 1}'),
  rego('that reads a token', 'coverage := {"coverage_met": io.jwt.decode("a")[0].x}'),
  rego('that decides nothing', 'selektion := {"selected_detectors": []}'),
  rego(
    'that decides in another package',
    bytes('package policies\n\nselection := {"selected_detectors": []}\n'),
  ),
  rego(
    'with two defaults',
    'default coverage := {"coverage_met": true}\n\ndefault coverage := {"coverage_met": false}',
  ),
  rego('that is a rule and a function', 'coverage := {"coverage_met": true}\n\ncoverage(x) := x'),
];

const decisionBundles: readonly BrokenBundle[] = [
  rego('that decides with a word', 'selection := "all"'),
  rego('that selects with a word', 'selection := {"selected_detectors": "pii"}'),
  rego('that selects numbers', 'selection := {"selected_detectors": [1, 2]}'),
  rego('that selects nothing it may', 'selection := {"selected_detectors": ["nobody"]}'),
  rego('that gives no verdict on coverage', 'coverage := {"coverage_score": 1}'),
  rego(
    'that gives weights over 1',
    'selection := {"selected_detectors": ["pii"], "coverage_requirements": {"weights": {"pii": 0.9}}}',
  ),
  rego('that names an unknown strategy', 'conflict := {"resolution_strategy": "strictest"}'),
  rego('that prefers nobody it knows', 'conflict := {"winning_detector": "nobody"}'),
  rego(
    'that gives reasons without end',
    'conflict := {"resolution_reason": concat("", [x | numbers.range(1, 300)[_]; x := "word "])}',
  ),
  rego(
    'whose rules contradict each other',
    'coverage := {"coverage_met": true} if input.threshold > 0\n\ncoverage := {"coverage_met": false} if input.coverage_achieved < 1',
  ),
  rego(
    'that asks for more memory than there is',
    'coverage := {"coverage_met": count(numbers.range(1, 5000000)) > 1}',
  ),
  rego(
    'that gives a huge decision',
    'coverage := {"coverage_met": true, "policy_violations": [x | numbers.range(1, 1000)[_]; x := "no"]}',
  ),
];

const testBundles: readonly BrokenBundle[] = [
  beside('whose test fails', { 'rules/policy_test.rego': 'package t\n\ntest_no if 1 == 2\n' }),
  beside('whose test does not compile', { 'rules/policy_test.rego': 'package t\n\ntest_no if foo(1)\n' }),
  beside('whose test asks the network', {
    'rules/policy_test.rego':
      'package t\n\ntest_no if http.send({"method": "get", "url": "http://127.0.0.1"})\n',
  }),
  beside('whose fixture expects otherwise', {
    'fixtures/coverage.yaml':
      '- name: half is enough\n  decision: coverage\n  input: { coverage_achieved: 0.5 }\n  expect: { coverage_met: true }\n',
  }),
  beside('whose fixture asks what is not decided', {
    'fixtures/conflict.json': '[{"name": "a", "decision": "conflict", "expect": {}}]\n',
  }),
  beside('whose fixture has an unknown key', {
    'fixtures/coverage.yaml': '- name: a\n  decision: coverage\n  expects: { coverage_met: true }\n',
  }),
  beside('whose fixture asks an unknown decision', {
    'fixtures/coverage.yaml': '- name: a\n  decision: verdict\n  expect: {}\n',
  }),
  beside('whose fixture is no YAML', { 'fixtures/coverage.yaml': '- name: [\n' }),
  beside('whose fixtures are empty', { 'fixtures/coverage.yaml': '' }),
  {
    name: 'with fixtures and no Rego',
    files: { 'policy.yaml': base, 'fixtures/a.yaml': '- { name: a, decision: coverage, expect: {} }\n' },
  },
];

export const brokenBundles: readonly BrokenBundle[] = [
  ...yamlBundles,
  ...fieldBundles,
  ...pathBundles,
  ...regoBundles,
  ...decisionBundles,
  ...testBundles,
];
