import { OpaUnavailable } from '../../src/policy/opa-unavailable';
import { PolicyCompileError } from '../../src/policy/problem';
import { createPolicyEvaluator } from '../../src/policy/evaluator';
import { runRegoTests } from '../../src/policy/rego-tests';
import { conflictInput, coverageInput, selectionInput } from '../unit/policy/samples';
import { compileRules, folderOf, opaBin } from './policy-support';

const requestId = 'a5d1f2a0-0000-4000-8000-000000000001';

const problemsOf = (rules: string) =>
  compileRules(rules).then(
    () => [],
    (error: unknown) => {
      if (error instanceof PolicyCompileError) return error.problems;
      throw error;
    },
  );

describe('compiling', () => {
  it('names file, line and column of every fault', async () => {
    expect(await problemsOf('selection := {"a": foo(1)}\n\ny if {\n\tz := 1\n}\n')).toEqual([
      {
        code: 'rego_type_error',
        file: 'policy.rego',
        line: 2,
        column: 20,
        message: 'undefined function foo',
      },
      {
        code: 'rego_compile_error',
        file: 'policy.rego',
        line: 5,
        column: 2,
        message: 'assigned var z unused',
      },
    ]);
  });

  it('names the place of a syntax error', async () => {
    expect(await problemsOf('selection := 1 if {\n  x = = 2\n}\n')).toEqual([
      { code: 'rego_parse_error', file: 'policy.rego', line: 3, column: 7, message: 'unexpected eq token' },
    ]);
    const [unfinished] = await problemsOf('selection := input.\n');
    expect(unfinished).toMatchObject({ file: 'policy.rego', line: 2, column: 19 });
  });

  it.each([
    ['http.send', 'selection := http.send({"method": "get", "url": "http://localhost"})', 14],
    ['net.lookup_ip_addr', 'selection := net.lookup_ip_addr("localhost")', 14],
    ['opa.runtime', 'selection := opa.runtime()', 14],
    ['time.now_ns', 'coverage := time.now_ns()', 13],
    ['rand.intn', 'coverage := rand.intn("a", 2)', 13],
    ['crypto.sha256', 'coverage := crypto.sha256("a")', 13],
  ])('refuses %s by name', async (name, rules, column) => {
    expect(await problemsOf(rules)).toEqual([
      {
        code: 'forbidden_builtin',
        file: 'policy.rego',
        line: 2,
        column,
        message: `undefined function ${name}: not a function of this bundle nor a builtin that policies may call`,
      },
    ]);
  });

  it('refuses Rego that takes no decision', async () => {
    expect(await problemsOf('selektion := {"selected_detectors": []}')).toEqual([
      expect.objectContaining({
        message: 'defines none of data.orchestration.{selection, routing, coverage, conflict, failure}',
      }),
    ]);
  });

  it('fails clearly without the program', async () => {
    await expect(runRegoTests(folderOf({ 'a_test.rego': 'package a' }), '/no/such/opa')).rejects.toThrow(
      OpaUnavailable,
    );
  });
});

describe('compiled Rego', () => {
  const evaluator = createPolicyEvaluator();

  it('has the rules it defines, as rules or as packages', async () => {
    const one = await compileRules('coverage := {"coverage_met": true}');
    expect(one.rules).toMatchObject({ selection: false, coverage: true, conflict: false });
    expect(await evaluator.select(one, selectionInput(), requestId)).toEqual({ kind: 'no_rule' });
    expect(await evaluator.cover(one, coverageInput(), requestId)).toMatchObject({
      value: { coverage_met: true },
    });

    const parts = await compileRules(
      'conflict.resolution_strategy := "majority_vote"\nconflict.tie_breaker := "alphabetical"',
    );
    expect(parts.rules).toMatchObject({ selection: false, coverage: false, conflict: true });
    expect(await evaluator.resolve(parts, conflictInput(), requestId)).toMatchObject({
      value: { resolution_strategy: 'majority_vote', tie_breaker: 'alphabetical' },
    });
  });

  it('has every builtin that policies may call', async () => {
    const calls = [
      'sprintf("%s %d %v", ["a", 1, ["b", {"c": 2}]])',
      '$"{1 + 1}"',
      'lower("A")',
      'regex.match("^a+$", "aaa")',
      'glob.match("a*", [], "ab")',
      'object.keys({"a": 1})',
      'json.unmarshal("[1]")',
      'base64.encode("a")',
      'net.cidr_contains("10.0.0.0/8", "10.1.2.3")',
      'numbers.range(1, 3)',
      'strings.reverse("ab")',
      'array.flatten([[1], 2])',
    ];
    const bundle = await compileRules(
      `selection := {"selected_detectors": [], "values": [${calls.join(', ')}]}`,
    );
    expect(await evaluator.select(bundle, selectionInput(), requestId)).toMatchObject({
      raw: {
        values: [
          'a 1 ["b", {"c": 2}]',
          '2',
          'a',
          true,
          true,
          ['a'],
          [1],
          'YQ==',
          true,
          [1, 2, 3],
          'ba',
          [1, 2],
        ],
      },
    });
  });

  it('may hold hundreds of kilobytes of constants', async () => {
    const bundle = await compileRules(
      `coverage := {"coverage_met": contains("${'word '.repeat(60_000)}", input.tenant_id)}`,
    );
    expect(await evaluator.cover(bundle, coverageInput({ tenant_id: 'word' }), requestId)).toMatchObject({
      value: { coverage_met: true },
    });
  });

  it('is invalid where the rule is undefined for the input', async () => {
    const bundle = await compileRules('coverage := {"coverage_met": true} if input.threshold > 2');
    expect(await evaluator.cover(bundle, coverageInput(), requestId)).toEqual({
      kind: 'failed',
      reason: 'invalid',
      detail: 'the rule is undefined for this input',
    });
  });

  it('traps where two rules disagree, and decides again on the next input', async () => {
    const bundle = await compileRules(
      'coverage := {"coverage_met": true} if input.threshold > 0.5\ncoverage := {"coverage_met": false} if input.threshold > 0.7',
    );
    expect(await evaluator.cover(bundle, coverageInput({ threshold: 0.8 }), requestId)).toMatchObject({
      kind: 'failed',
      reason: 'trap',
    });
    expect(await evaluator.cover(bundle, coverageInput({ threshold: 0.6 }), requestId)).toMatchObject({
      kind: 'decision',
    });
  });

  it('traps when it asks for more memory than a policy may have', async () => {
    const bundle = await compileRules('coverage := {"coverage_met": count(numbers.range(1, 5000000)) > 1}');
    expect(await createPolicyEvaluator().cover(bundle, coverageInput(), requestId)).toMatchObject({
      kind: 'failed',
      reason: 'trap',
    });
  });

  it('keeps nothing from one decision to the next', async () => {
    const bundle = await compileRules('conflict := {"winning_detector": input.policy.policy_data.preferred}');
    const preferring = (preferred: string) => {
      const { policy, ...input } = conflictInput();
      return { ...input, policy: { ...policy, policy_data: { preferred } } };
    };
    expect(await evaluator.resolve(bundle, preferring('pii'), requestId)).toMatchObject({
      value: { winning_detector: 'pii' },
    });
    expect(await evaluator.resolve(bundle, conflictInput(), requestId)).toMatchObject({
      kind: 'failed',
      reason: 'invalid',
    });
    expect(await evaluator.resolve(bundle, preferring('secrets'), requestId)).toMatchObject({
      value: { winning_detector: 'secrets' },
    });
  });
});

describe('Rego tests', () => {
  const rules = 'package orchestration\ncoverage := {"coverage_met": true}';
  const test = (body: string) => `package orchestration_test\nimport data.orchestration\n${body}`;

  it('are counted, and failed ones named with their place', async () => {
    const dir = folderOf({
      'policy.rego': rules,
      'policy_test.rego': test(
        'test_met if orchestration.coverage.coverage_met\ntest_unmet if not orchestration.coverage.coverage_met',
      ),
    });
    expect(await runRegoTests(dir, opaBin)).toEqual({
      run: 2,
      failed: 1,
      problems: [
        {
          code: 'rego_test_failed',
          file: 'policy_test.rego',
          line: 4,
          column: 1,
          message: 'test_unmet failed',
        },
      ],
    });
  });

  it('that do not compile are reported with their place', async () => {
    const dir = folderOf({ 'policy.rego': rules, 'policy_test.rego': test('test_met if foo(1)') });
    expect(await runRegoTests(dir, opaBin)).toEqual({
      run: 0,
      failed: 0,
      problems: [expect.objectContaining({ file: 'policy_test.rego', line: 3 })],
    });
  });

  it('may be absent', async () => {
    expect(await runRegoTests(folderOf({ 'policy.rego': rules }), opaBin)).toEqual({
      run: 0,
      failed: 0,
      problems: [],
    });
  });
});
