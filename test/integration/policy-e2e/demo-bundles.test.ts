import path from 'node:path';
import type { ErrorResponse, JobStatusResponse } from '../../../src/contract/answer';
import { bundleDigest } from '../../../src/policy/bundle';
import { readBundle } from '../../../src/policy/load';
import { forgetful, patience } from '../../support/patience';
import { expectSound } from '../../support/sound-answer';
import { System } from '../../support/system';
import { codes, png, texts } from './contents';

const bundles = ['default', 'strict', 'weighted', 'code'] as const;
type BundleName = (typeof bundles)[number];

/** What the winner of each content is, whoever else looked. */
const winners = {
  text: {
    pii: ['pii', 'credit_card'],
    secret: ['secrets', 'api_key'],
    injection: ['prompt-injection', 'policy_override'],
  },
  code: {
    pii: ['pii', 'email'],
    secret: ['secrets', 'api_key'],
    injection: ['prompt-injection', 'policy_override'],
  },
} as const;
const asked: Readonly<Record<BundleName, readonly string[]>> = {
  default: ['pii', 'prompt-injection', 'secrets', 'toxicity', 'language'],
  strict: ['dangerous-code', 'pii', 'prompt-injection', 'secrets', 'toxicity', 'language'],
  weighted: ['pii', 'prompt-injection', 'secrets', 'toxicity'],
  code: ['dangerous-code', 'pii', 'prompt-injection', 'secrets'],
};

describe('The demo bundles, on real content with real detectors', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      builtins: true,
      mapper: 'real',
      parts: ['api'],
      env: { ...patience, ...forgetful },
    });
  });
  afterAll(() => system?.stop());

  const typeOf = (bundle: BundleName) => (bundle === 'code' ? 'code' : 'text');
  function judge(
    bundle: BundleName,
    risk: keyof typeof texts,
    overrides: Readonly<Record<string, unknown>> = {},
  ) {
    return system.orchestrate({
      policy_bundle: bundle,
      environment: 'prod',
      content_type: typeOf(bundle),
      content: (typeOf(bundle) === 'code' ? codes : texts)[risk],
      ...overrides,
    });
  }

  describe.each(bundles)('%s', (bundle) => {
    it.each(['pii', 'secret', 'injection'] as const)(
      'finds %s, which wins over every clean verdict, by decision of the Rego [5.2] [7.2] [F.2]',
      async (risk) => {
        const { status, body } = await judge(bundle, risk);
        const [detector, output] = winners[typeOf(bundle)][risk];
        expect(status).toBe(200);
        expectSound(body);
        expect(body.detector_results.find((result) => result.detector === detector)).toMatchObject({
          status: 'success',
          output,
        });
        const others = body.detector_results.filter((result) => result.detector !== detector);
        expect(others.map((result) => result.output)).toEqual(others.map(() => 'clean'));
        expect(body.aggregated_payload?.metadata.conflict_resolution).toMatchObject({
          strategy_used: 'most_restrictive',
          decided_by: 'opa',
          winning_detector: detector,
          winning_output: output,
          conflicting_detectors: others.map((result) => result.detector),
          opa_decision: { resolution_strategy: 'most_restrictive', winning_detector: detector },
        });
      },
    );

    it('finds nothing in clean content, and says so with full coverage', async () => {
      const { status, body } = await judge(bundle, 'clean');
      expect(status).toBe(200);
      expectSound(body);
      expect(body).toMatchObject({ coverage_achieved: 1, fallback_used: false, error_code: null });
      expect(body.aggregated_payload).toMatchObject({
        output: 'clean',
        metadata: { conflict_resolution_applied: false, normalized_scores: { clean: 0.6 } },
      });
      expect(body.mapping_result?.taxonomy).toEqual(['OTHER.Safe']);
    });

    it('names decider, bundle, version, digest and reason in routing_decision [5]', async () => {
      const { body } = await judge(bundle, 'clean');
      const texts = await readBundle({
        tenant: 'demo',
        bundle,
        dir: path.join(system.dataDir, 'policies', 'demo', bundle),
      });
      const { routing_decision: routing } = body;
      expect(routing).toMatchObject({
        selected_detectors: asked[bundle],
        policy_applied: bundle,
        policy_version: '1.0',
        policy_digest: bundleDigest(texts.policy, texts.sources),
        coverage_method: texts.policy.coverage_calculation.calculation_method,
      });
      const tokens = routing.routing_reason.split(';');
      expect(tokens[0]).toBe('opa');
      expect(tokens[1]).toBe(`content_type=${typeOf(bundle)}`);
      expect(tokens.at(-1)).toMatch(/^reason=\w/);
      expect(Object.keys(routing.health_status)).toEqual(expect.arrayContaining([...asked[bundle]]));
    });

    if (bundle === 'default') return;
    it('refuses an image with 403 policy_denied, and starts nothing', async () => {
      const before = await countOfRuns();
      const { status, body } = await system.orchestrate<ErrorResponse>({
        policy_bundle: bundle,
        content_type: 'image',
        content: png,
      });
      expect(status).toBe(403);
      expect(body).toMatchObject({
        error_code: 'INSUFFICIENT_RBAC',
        detail: 'policy_denied',
        response: null,
      });
      expect(await countOfRuns()).toBe(before);
    });
  });

  async function countOfRuns(): Promise<number> {
    const { rows } = await system.db.query<{ count: string }>('select count(*) from run_key');
    return Number(rows[0]?.count);
  }

  it('code refuses text', async () => {
    const { status, body } = await system.orchestrate<ErrorResponse>({ policy_bundle: 'code' });
    expect([status, body.detail]).toEqual([403, 'policy_denied']);
  });

  it('rounds what a detector sends with more than six decimals', async () => {
    const { body } = await judge('default', 'pii');
    const result = body.detector_results.find(({ detector }) => detector === 'pii')!;
    const card = result.findings.find(({ label }) => label === 'credit_card')!;
    // The detector's own figure has sixteen; raw values are shown as they came.
    expect(String(card.raw_strength).length).toBeGreaterThan('0.123456'.length);
    expect(String(card.strength)).toMatch(/^0\.\d{1,6}$/);
    expect(result.confidence).toBe(card.strength);
  });

  it('has its digest in the search attributes and the history of the run, and its decisions in the audit record [5.2]', async () => {
    const { status, body } = await judge('default', 'secret', { processing_mode: 'async' });
    expect(status).toBe(202);
    const job = (await system.ended(body.job_id!)) as unknown as JobStatusResponse;
    expect(job.status).toBe('completed');
    const { policy_digest: digest } = job.result!.routing_decision;
    const handle = system.temporal.workflow.getHandle(body.job_id!);
    const { typedSearchAttributes } = await handle.describe();
    const attributes = Object.fromEntries(
      typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );
    expect(attributes).toMatchObject({
      Tenant: 'demo',
      PolicyBundle: 'default',
      PolicyDigest: digest,
      PlannedDetectors: asked.default,
    });
    const [started] = (await handle.fetchHistory()).events ?? [];
    const { searchAttributes } = started!.workflowExecutionStartedEventAttributes!;
    expect(Buffer.from(searchAttributes!.indexedFields!['PolicyDigest']!.data!).toString()).toBe(
      `"${digest}"`,
    );

    const { rows } = await system.db.query<{ record: Record<string, unknown> }>(
      'select record from audit where request_id = $1',
      [body.request_id],
    );
    expect(rows[0]?.record).toMatchObject({
      policy: { bundle: 'default', version: '1.0', digest },
      decider: 'opa',
      decisions: {
        selection: 'text at normal priority',
        coverage: { coverage_met: true, policy_violations: [] },
        conflict: { resolution_strategy: 'most_restrictive', winning_detector: 'secrets' },
        failed: false,
      },
      conflict: { decided_by: 'opa', winning_detector: 'secrets' },
    });
  });

  it.each(bundles)(
    '%s: mapping enriches the answer names its versions and leaves the verdict as it is [12] [12.2] [C.6]',
    async (bundle) => {
      const { body } = await judge(bundle, 'secret');
      expect(body.mapping_result?.taxonomy[0]).toBe('SECURITY.Credentials.APIKey');
      expect(body.mapping_result?.policy_context).toEqual({
        expected_detectors: asked[bundle],
        environment: 'prod',
      });
      const { taxonomy, frameworks, model, orchestrator, policy } = body.version_info;
      expect(policy).toBe(`${bundle}:1.0`);
      expect(body.mapping_result?.version_info).toEqual({ taxonomy, frameworks, model });
      expect(body.mapping_result?.notes).toContain(
        `; orchestrator=${orchestrator}; policy=${policy}; taxonomy=${taxonomy}; frameworks=${frameworks}; ` +
          `model=${model}; conflict=most_restrictive: `,
      );
      expect(body.mapping_result?.provenance).toMatchObject({
        route: 'orchestrator',
        tenant_id: 'demo',
        model,
      });
      expect(body.aggregated_payload?.output.split('|').toSorted()).toEqual(['api_key', 'clean']);
    },
  );
});
