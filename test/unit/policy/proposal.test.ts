import { putPolicySchema } from '../../../src/contract/policy-store';
import { unreadable } from '../../../src/policy/judge';
import { PolicyCompileError } from '../../../src/policy/problem';
import { proposalOf } from '../../../src/policy/proposal';
import { refusalOf } from '../../../src/policy/refusal';

const name = { tenant_id: 'acme', policy_bundle: 'chat' };
const required = {
  coverage_calculation: { calculation_method: 'required_set' },
  required_detectors: ['pii'],
};
const candidate = (fields: object, rest: object = {}) =>
  proposalOf(putPolicySchema.parse({ policy: { ...required, ...fields }, ...rest }), name, null);

function faultsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    const { fieldErrors } = refusalOf('chat', unreadable(error.problems));
    return fieldErrors.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

describe('a proposal for the next version', () => {
  it('takes its name and number from the call, and sorts its Rego', () => {
    const rego = {
      'rules/b.rego': 'package b',
      'rules/a.rego': 'package a',
      'rules/a_test.rego': 'package t',
    };
    const { policy, sources, tests } = candidate({ rego_policy_path: 'rules' }, { rego });
    expect(policy).toMatchObject({ ...name, version: '1.0' });
    expect(sources.map(({ path }) => path)).toEqual(['rules/a.rego', 'rules/b.rego']);
    expect(tests.map(({ path }) => path)).toEqual(['rules/a_test.rego']);
  });

  it.each([
    '/etc/x.rego',
    '../x.rego',
    'rules/../../x.rego',
    'rules//x.rego',
    './x.rego',
    '.hidden/x.rego',
    'rules\\x.rego',
    'rules/\u0000.rego',
    'rules/x\n.rego',
    '',
    '.rego',
    'x.yaml',
    `${'x'.repeat(200)}.rego`,
  ])('holds no Rego at %j', (path) => {
    const [fault] = faultsOf(() => candidate({ rego_policy_path: '.' }, { rego: { [path]: 'package x' } }));
    // What does not show is shown as a question mark.
    expect(fault?.startsWith(`rego.${path.replaceAll(/[\p{Cc}]/gu, '?')}: `)).toBe(true);
  });

  it('holds two hundred texts at most, tests among them', () => {
    const texts = (count: number, suffix: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`r${n}${suffix}.rego`, 'package x']));
    const faults = (tests: number) =>
      faultsOf(() =>
        candidate({ rego_policy_path: '.' }, { rego: texts(100, ''), rego_tests: texts(tests, '_test') }),
      );
    expect(faults(100)).toEqual([]);
    expect(faults(101)).toEqual(['rego: holds more than 200 texts, with the tests']);
  });

  it('does not take a name under which the API answers something else', () => {
    const put = putPolicySchema.parse({ policy: required });
    const decisions = { tenant_id: 'acme', policy_bundle: 'decisions' };
    expect(faultsOf(() => proposalOf(put, decisions, null))).toEqual([
      'policy.policy_bundle: must not be decisions, which is reserved',
    ]);
  });

  it('has each text once', () => {
    const texts = { 'rules/a_test.rego': 'package t' };
    const given = { rego: { 'rules/a.rego': 'package a', ...texts }, rego_tests: texts };
    expect(faultsOf(() => candidate({ rego_policy_path: 'rules' }, given))).toEqual([
      'rego_tests.rules/a_test.rego: rules/a_test.rego: is given twice, in rego and in rego_tests',
    ]);
  });

  it('may have names in any script', () => {
    const rego = { 'regeln/größe.rego': 'package x', '規則.rego': 'package y' };
    expect(faultsOf(() => candidate({ rego_policy_path: '.' }, { rego }))).toEqual([]);
  });

  it('says of each field what is wrong', () => {
    expect(faultsOf(() => candidate({ tenant_id: 'globex', policy_bundle: 'other' }))).toEqual([
      'policy.tenant_id: must be acme, as the call says',
    ]);
    expect(faultsOf(() => candidate({ retry_config: { pii: 9 }, more: 1 }))).toEqual([
      expect.stringMatching(/^policy\.retry_config\.pii: /) as string,
      'policy.more: Unrecognized key: "more"',
    ]);
    expect(faultsOf(() => candidate({ required_detectors: ['pii', '..'] }))).toEqual([
      expect.stringMatching(/^policy\.required_detectors\[1\]: /) as string,
    ]);
    const large = { 'x.rego': 'x'.repeat(1024 * 1024 + 1) };
    expect(faultsOf(() => candidate({ rego_policy_path: '.' }, { rego: large }))).toEqual([
      'rego: the Rego has more than 1048576 bytes',
    ]);
    const outside = { rego: { 'other/x.rego': 'package x' } };
    expect(faultsOf(() => candidate({ rego_policy_path: 'rules' }, outside))).toEqual([
      'policy.rego_policy_path: rego_policy_path is rules, which does not hold other/x.rego',
    ]);
  });
});
