import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { createPolicyEvaluator } from '../../src/policy/evaluator';
import { loadPolicies } from '../../src/policy/load';
import { OpaUnavailable } from '../../src/policy/opa-unavailable';
import { validatePolicies } from '../../src/policy/validate';
import { coverageInput } from '../unit/policy/samples';
import { compilerWith, folderOf, registration } from './policy-support';

const policyYaml = (tenant: string, bundle: string, rest = 'rego_policy_path: policy.rego\n') => `
tenant_id: ${tenant}
policy_bundle: ${bundle}
coverage_calculation: {calculation_method: required_set}
required_detectors: [pii]
${rest}`;
const rego = 'package orchestration\n\ncoverage := {"coverage_met": input.coverage_achieved > 0.5}\n';

const files = {
  'acme/plain/policy.yaml': policyYaml('acme', 'plain', ''),
  'acme/ruled/policy.yaml': policyYaml('acme', 'ruled'),
  'acme/ruled/policy.rego': rego,
  'globex/ruled/policy.yaml': policyYaml('globex', 'ruled'),
  'globex/ruled/policy.rego': rego,
};

const noOpa = () => Promise.reject(new Error('there is no opa'));
const refusals = (catalog: Awaited<ReturnType<typeof loadPolicies>>) =>
  catalog.refused.map(({ tenant, bundle, problems }) => [`${tenant}/${bundle}`, problems[0]?.message]);

const bundleIn = ({ bundles }: Awaited<ReturnType<typeof loadPolicies>>, tenant: string, name: string) =>
  bundles.find(({ policy }) => policy.tenant_id === tenant && policy.policy_bundle === name);

describe('loading policies', () => {
  it('finds every bundle of every tenant', async () => {
    const catalog = await loadPolicies(folderOf(files), compilerWith());
    expect(catalog.refused).toEqual([]);
    expect(catalog.bundles.map(({ policy }) => `${policy.tenant_id}/${policy.policy_bundle}`)).toEqual([
      'acme/plain',
      'acme/ruled',
      'globex/ruled',
    ]);
    expect(bundleIn(catalog, 'acme', 'plain')).toMatchObject({ wasm: null, rules: { coverage: false } });
    expect(bundleIn(catalog, 'acme', 'ruled')).toMatchObject({
      rules: { selection: false, coverage: true, conflict: false },
    });
  });

  it('tells bundles of two tenants apart even when their Rego is the same', async () => {
    const catalog = await loadPolicies(folderOf(files), compilerWith());
    const [acme, globex] = [bundleIn(catalog, 'acme', 'ruled'), bundleIn(catalog, 'globex', 'ruled')];
    expect(acme?.digest).not.toBe(globex?.digest);
  });

  it('compiles nothing and needs no opa at the second start', async () => {
    const [dir, cacheDir] = [folderOf(files), folderOf({})];
    const first = await loadPolicies(dir, compilerWith({ cacheDir }));
    expect(readdirSync(cacheDir)).toHaveLength(1);
    const second = await loadPolicies(dir, compilerWith({ cacheDir, opaPath: noOpa }));
    expect(second.bundles).toEqual(first.bundles);
  });

  it('compiles anew what was damaged in the cache', async () => {
    const [dir, cacheDir] = [folderOf(files), folderOf({})];
    await loadPolicies(dir, compilerWith({ cacheDir }));
    truncateSync(join(cacheDir, readdirSync(cacheDir)[0] ?? ''), 1000);
    const catalog = await loadPolicies(dir, compilerWith({ cacheDir }));
    const bundle = bundleIn(catalog, 'acme', 'ruled');
    expect(
      bundle &&
        (await createPolicyEvaluator().cover(
          bundle,
          coverageInput(),
          'a5d1f2a0-0000-4000-8000-000000000001',
        )),
    ).toMatchObject({
      kind: 'decision',
    });
    expect((await loadPolicies(dir, compilerWith({ cacheDir, opaPath: noOpa }))).refused).toEqual([]);
  });

  it('works with a cache that cannot be written', async () => {
    const root = folderOf({ ...files, cache: 'a file, not a folder' });
    const catalog = await loadPolicies(root, compilerWith({ cacheDir: join(root, 'cache') }));
    expect(catalog.bundles).toHaveLength(3);
  });

  it('takes a missing opa for no fault of any bundle', async () => {
    const loaded = loadPolicies(folderOf(files), compilerWith({ opaPath: noOpa }));
    await expect(loaded).rejects.toThrow(OpaUnavailable);
  });

  it('keeps faulty bundles out, says why, and loads the others', async () => {
    const dir = folderOf({
      ...files,
      'acme/broken/policy.yaml': policyYaml('acme', 'broken'),
      'acme/broken/policy.rego': 'package orchestration\n\ncoverage := {"coverage_met": foo(1)}\n',
      'acme/empty/README.md': 'no policy here',
      'acme/escape/policy.yaml': policyYaml(
        'acme',
        'escape',
        'rego_policy_path: ../../globex/ruled/policy.rego\n',
      ),
      'acme/forgotten/policy.yaml': policyYaml('acme', 'forgotten', ''),
      'acme/forgotten/policy.rego': rego,
      'acme/moved/policy.yaml': policyYaml('acme', 'old-name'),
      'acme/rulesless/policy.yaml': policyYaml('acme', 'rulesless', 'rego_policy_path: .\n'),
      'acme/stolen/policy.yaml': policyYaml('globex', 'stolen'),
      'acme/unknown/policy.yaml': policyYaml('acme', 'unknown', 'treshold: 0.8\n'),
      'bad tenant/ruled/policy.yaml': policyYaml('acme', 'ruled'),
    });
    const catalog = await loadPolicies(dir, compilerWith());
    expect(catalog.bundles).toHaveLength(3);
    expect(refusals(catalog)).toEqual([
      ['acme/broken', 'undefined function foo'],
      ['acme/empty', 'is missing or cannot be read'],
      ['acme/escape', 'rego_policy_path: ../../globex/ruled/policy.rego leads out of the bundle'],
      ['acme/forgotten', 'rego_policy_path is not set, but the bundle holds policy.rego'],
      ['acme/moved', 'policy_bundle is old-name, but the folder says moved'],
      ['acme/rulesless', 'rego_policy_path: . holds no Rego'],
      ['acme/stolen', 'tenant_id is globex, but the folder says acme'],
      ['acme/unknown', 'Unrecognized key: "treshold"'],
      ['bad tenant/ruled', 'the folder bad tenant is no valid tenant id'],
    ]);
    expect(catalog.refused[0]?.problems).toEqual([
      {
        code: 'rego_type_error',
        file: 'policy.rego',
        line: 3,
        column: 30,
        message: 'undefined function foo',
      },
    ]);
  });
});

describe('validating policies', () => {
  it('reports on static fields, Rego, tests and detectors', async () => {
    const dir = folderOf({
      ...files,
      'acme/ruled/policy_test.rego':
        'package orchestration_test\n\nimport data.orchestration\n\ntest_half if not orchestration.coverage.coverage_met with input as {"coverage_achieved": 0.5}\n\ntest_wrong if orchestration.coverage.coverage_met with input as {"coverage_achieved": 0.4}\n',
      'acme/unknown/policy.yaml': policyYaml('acme', 'unknown', 'optional_detectors: [unheard-of]\n'),
      'acme/wrong/policy.yaml': policyYaml('acme', 'wrong', 'treshold: 0.8\n'),
    });
    const reports = await validatePolicies(dir, {
      compiler: compilerWith(),
      detectors: [registration('pii')],
    });
    const report = (tenant: string, bundle: string) =>
      reports.find((candidate) => candidate.tenant === tenant && candidate.bundle === bundle);

    expect(report('acme', 'plain')).toMatchObject({
      ok: true,
      version: '1.0',
      compilation: null,
      errors: [],
    });
    expect(report('acme', 'ruled')).toMatchObject({
      ok: false,
      rules: ['coverage'],
      compilation: { ok: true, errors: [], tests_run: 2, tests_failed: 1 },
      errors: [
        {
          code: 'rego_test_failed',
          file: 'policy_test.rego',
          line: 7,
          column: 1,
          message: 'test_wrong failed',
        },
      ],
    });
    expect(report('globex', 'ruled')).toMatchObject({
      ok: true,
      warnings: [{ code: 'no_tests', file: '.', line: null, column: null, message: 'the Rego has no tests' }],
    });
    expect(report('acme', 'unknown')).toMatchObject({ ok: false, missing_detectors: ['unheard-of'] });
    expect(report('acme', 'wrong')).toMatchObject({
      ok: false,
      compilation: null,
      errors: [{ file: 'policy.yaml' }],
    });
  });

  it('reports Rego that does not compile', async () => {
    const dir = folderOf({
      'acme/broken/policy.yaml': policyYaml('acme', 'broken'),
      'acme/broken/policy.rego': 'package orchestration\n\ncoverage := {"coverage_met": http.send({})}\n',
    });
    const [report] = await validatePolicies(dir, { compiler: compilerWith() });
    expect(report).toMatchObject({
      ok: false,
      rules: [],
      compilation: { ok: false, errors: [{ file: 'policy.rego', line: 3, column: 30 }] },
    });
  });
});
