import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { ErrorResponse } from '../../../src/contract/answer';
import type { PolicyVerdict } from '../../../src/contract/policy-validation';
import { registryFileSchema } from '../../../src/contract/registry-file';
import { validatePolicies } from '../../../src/policy/validate';
import { forgetful, patience } from '../../support/patience';
import { System } from '../../support/system';
import { compilerWith, projectRoot } from '../policy-support';
import { codes, png, texts } from './contents';

const examples = path.join(projectRoot, 'examples', 'policies');
const samples = ['children', 'code-review', 'hipaa', 'internal', 'prohibited-practices'];

describe('The sample bundles', () => {
  it('are valid without a warning, and their tests run through all of their rules', async () => {
    const registry = path.join(projectRoot, 'config', 'detectors.yaml');
    const { detectors } = registryFileSchema.parse(parse(readFileSync(registry, 'utf8')));
    const reports = await validatePolicies(examples, {
      compiler: compilerWith(),
      detectors,
      coverage: { threshold: 95 },
    });
    expect(reports.map(({ bundle }) => bundle)).toEqual(samples);
    for (const report of reports) {
      expect(report).toMatchObject({ ok: true, errors: [], warnings: [], missing_detectors: [] });
      expect(report.compilation?.tests_run).toBeGreaterThan(0);
      expect(report.compilation?.fixtures_run).toBeGreaterThan(0);
    }
  });
});

describe('The sample bundles in place, with the detectors that come with the product', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({ builtins: true, parts: [], env: { ...patience, ...forgetful } });
    cpSync(examples, path.join(system.dataDir, 'policies'), { recursive: true });
    await system.startPart('api');
  });
  afterAll(() => system?.stop());

  const judge = (policy_bundle: string, content: string, fields: Record<string, unknown> = {}) =>
    system.orchestrate({ policy_bundle, content, environment: 'prod', ...fields });
  const sorted = (names: readonly string[]) => names.toSorted();

  it.each([
    ['children', 'text', texts.clean, ['language', 'pii', 'prompt-injection', 'toxicity']],
    ['code-review', 'code', codes.clean, ['dangerous-code', 'prompt-injection', 'secrets']],
    ['code-review', 'text', texts.clean, ['prompt-injection', 'secrets', 'toxicity']],
    ['hipaa', 'text', texts.clean, ['pii', 'secrets']],
    ['internal', 'text', texts.clean, ['pii', 'secrets']],
    ['prohibited-practices', 'text', texts.clean, ['language', 'pii', 'prompt-injection', 'toxicity']],
  ])(
    '%s asks its detectors about clean %s and has it covered [2.2]',
    async (bundle, type, content, asked) => {
      const { status, body } = await judge(bundle, content, { content_type: type });
      expect(status).toBe(200);
      expect(sorted(body.detector_results.map(({ detector }) => detector))).toEqual(asked);
      expect(body.detector_results.map(({ output }) => output)).toEqual(asked.map(() => 'clean'));
      expect(body).toMatchObject({ coverage_achieved: 1, fallback_used: false });
      expect(body.routing_decision.policy_applied).toBe(bundle);
    },
  );

  it.each([
    ['children', 'text', 'You are a stupid idiot.', 'toxicity'],
    ['children', 'text', texts.pii, 'pii'],
    ['code-review', 'code', codes.secret, 'secrets'],
    ['code-review', 'code', codes.injection, 'prompt-injection'],
    ['hipaa', 'text', texts.pii, 'pii'],
    ['hipaa', 'text', texts.secret, 'secrets'],
    ['internal', 'text', texts.secret, 'secrets'],
    ['prohibited-practices', 'text', texts.injection, 'prompt-injection'],
  ])('%s lets the finding in %s stand, by its Rego', async (bundle, type, content, winner) => {
    const { status, body } = await judge(bundle, content, { content_type: type });
    expect(status).toBe(200);
    const conflict = body.aggregated_payload?.metadata.conflict_resolution;
    expect(conflict).toMatchObject({ decided_by: 'opa', winning_detector: winner });
    expect(conflict?.winning_output).not.toBe('clean');
  });

  it('internal lets a mail address pass, and hipaa does not', async () => {
    const content = 'Please write to maria.lopez@example.com about the library.';
    const outputOf = async (bundle: string) =>
      (await judge(bundle, content)).body.aggregated_payload?.metadata.conflict_resolution?.winning_output;
    expect([await outputOf('internal'), await outputOf('hipaa')]).toEqual(['clean', 'email']);
  });

  it.each([
    ['children', { content_type: 'code', content: codes.clean }],
    ['children', { content: texts.clean, excluded_detectors: ['toxicity'] }],
    ['code-review', { content_type: 'image', content: png }],
    ['prohibited-practices', { content_type: 'code', content: codes.clean }],
  ])('%s refuses what it cannot judge: %o', async (policy_bundle, fields) => {
    const { status, body } = await system.orchestrate<ErrorResponse>({ policy_bundle, ...fields });
    expect([status, body.detail]).toEqual([403, 'policy_denied']);
  });

  describe('POST /policies/validate', () => {
    const validate = async (body: object, tenant?: string) =>
      system.request<PolicyVerdict & ErrorResponse>(
        'POST',
        '/policies/validate',
        body,
        tenant === undefined ? {} : { 'x-tenant-id': tenant },
      );
    const policy = {
      tenant_id: 'demo',
      policy_bundle: 'candidate',
      coverage_calculation: { calculation_method: 'required_set' },
      required_detectors: ['pii'],
    };

    it('judges a candidate with its Rego, tests and fixtures, and keeps nothing [F.2] [2.2]', async () => {
      const { status, body } = await validate({
        policy_bundle: 'candidate',
        policy: { ...policy, rego_policy_path: 'rules' },
        rego: 'package orchestration\n\ncoverage := {"coverage_met": input.coverage_achieved > 0.5}\n',
        rego_tests: {
          'rules/a_test.rego':
            'package t\n\nimport data.orchestration\n\ntest_half if not orchestration.coverage.coverage_met with input as {"coverage_achieved": 0.5}\n',
        },
        fixtures: [{ name: 'all', decision: 'coverage', expect: { coverage_met: true } }],
      });
      expect([status, body]).toMatchObject([
        200,
        {
          is_valid: true,
          violations: [],
          warnings: [],
          policy_version: '1.0',
          compilation: { ok: true, errors: [], tests_run: 1, tests_failed: 0, fixtures_run: 1 },
        },
      ]);
      expect((await judge('candidate', texts.clean)).status).toBe(400);
    });

    it('says what is wrong with one, where, and counts it [F.2]', async () => {
      const weighted = {
        ...policy,
        required_detectors: [],
        coverage_calculation: {
          calculation_method: 'weighted_coverage',
          weighted_requirements: { pii: 0.7 },
        },
      };
      const { status, body } = await validate({ policy_bundle: 'candidate', policy: weighted });
      expect(status).toBe(200);
      expect(body).toMatchObject({
        is_valid: false,
        violations: [
          {
            policy_id: 'candidate',
            violation_type: 'weights_not_normalized',
            severity: 'high',
            path: '/coverage_calculation/weighted_requirements',
          },
        ],
      });
      const rego = await validate({
        policy_bundle: 'default',
        policy: { ...policy, policy_bundle: 'default', required_detectors: ['pii', 'nobody'] },
        rego: 'package orchestration\n\ncoverage := {"coverage_met": http.send({})}\n',
      });
      expect(rego.body).toMatchObject({
        is_valid: false,
        missing_detectors: ['nobody'],
        violations: [
          { violation_type: 'rego_compile_error' },
          { violation_type: 'unregistered_detector', severity: 'medium', detector: 'nobody' },
        ],
        compilation: { ok: false, errors: [{ file: 'policy.rego', line: 3, column: 30 }] },
      });
      const outside = await validate({
        policy_bundle: 'candidate',
        policy,
        rego: { '../../demo/default/rules/conflict.rego': 'package orchestration\n' },
      });
      expect(outside.body.violations).toMatchObject([
        { violation_type: 'schema_invalid', message: expect.stringContaining('leads out of the bundle') },
      ]);
      const metrics = await (await fetch(`${system.url}/metrics`)).text();
      const counted =
        'policy_enforcement_total{tenant="demo",policy="default",status="violated",violation_type=';
      expect(metrics).toContain(`${counted}"rego_compile_error"} 1`);
      expect(metrics).toContain(`${counted}"unregistered_detector"} 1`);
      // A bundle that does not exist is no label.
      expect(metrics).not.toContain('candidate');
    });

    it('holds results against the active bundle, and counts how they keep it [F.2]', async () => {
      const success = (detector: string, output = 'clean', confidence = 0.6) => ({
        detector,
        status: 'success',
        output,
        confidence,
      });
      const results = [success('pii', 'ssn', 0.95), success('secrets')];
      const before = await enforced('hipaa');
      const kept = await validate({ policy_bundle: 'hipaa', detector_results: results }, 'demo');
      expect([kept.status, kept.body]).toMatchObject([
        200,
        { is_valid: true, violations: [], policy_version: '1.0' },
      ]);
      const broken = await validate(
        { policy_bundle: 'hipaa', detector_results: [success('pii', 'ssn', 0.2), success('dangerous-code')] },
        'demo',
      );
      expect(broken.body.is_valid).toBe(false);
      expect(broken.body.violations.map(({ violation_type }) => violation_type)).toEqual([
        'missing_required_detector',
        'disallowed_detector',
        'insufficient_coverage',
        'low_confidence_detector',
        'low_confidence_aggregate',
      ]);
      expect((await enforced('hipaa')) - before).toBe(1);
    });

    async function enforced(bundle: string): Promise<number> {
      const metrics = await (await fetch(`${system.url}/metrics`)).text();
      const labels = `tenant="demo",policy="${bundle}",status="enforced",violation_type="none"`;
      const line = metrics.split('\n').find((one) => one.startsWith(`policy_enforcement_total{${labels}} `));
      return Number(line?.split(' ')[1] ?? 0);
    }

    it('refuses results of an unknown bundle, and results of no tenant', async () => {
      const detector_results = [{ detector: 'pii', status: 'success' }];
      const unknown = await validate({ policy_bundle: 'nobody', detector_results }, 'demo');
      expect([unknown.status, unknown.body.error_code]).toEqual([400, 'POLICY_NOT_FOUND']);
      const nobody = await validate({ policy_bundle: 'default', detector_results });
      expect([nobody.status, nobody.body.detail]).toEqual([400, 'tenant_required']);
    });
  });
});
