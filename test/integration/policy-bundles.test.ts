import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { registryFileSchema } from '../../src/contract/registry-file';
import type { Bundle, RegoSource } from '../../src/policy/bundle';
import type { Decision } from '../../src/policy/decision';
import { createPolicyEvaluator } from '../../src/policy/evaluator';
import { type BundleTexts, loadPolicies, readBundle } from '../../src/policy/load';
import { validatePolicies } from '../../src/policy/validate';
import { conflictInput, coverageInput, selectionInput } from '../unit/policy/samples';
import { compileBundle, compilerWith, projectRoot } from './policy-support';

const policiesDir = join(projectRoot, 'policies');
const registry = registryFileSchema.parse(
  parse(readFileSync(join(projectRoot, 'config', 'detectors.yaml'), 'utf8')),
);
const evaluator = createPolicyEvaluator();
const requestId = 'a5d1f2a0-0000-4000-8000-000000000001';
const names = ['default', 'strict', 'weighted', 'code'] as const;

const textsOf = (bundle: string): Promise<BundleTexts> =>
  readBundle({ tenant: 'demo', bundle, dir: join(policiesDir, 'demo', bundle) });

function valueOf<T>(decision: Decision<T>): T {
  if (decision.kind !== 'decision') throw new Error(JSON.stringify(decision));
  return decision.value;
}

const select = async (bundle: Bundle, fields: Parameters<typeof selectionInput>[0] = {}) => {
  const applicable = bundle.policy.content_type_routing[fields.content_type ?? 'text'];
  const { candidate_detectors: all } = selectionInput();
  const candidates = all.filter(({ name }) => applicable?.includes(name) ?? true);
  return valueOf(
    await evaluator.select(
      bundle,
      selectionInput({ candidate_detectors: candidates, policy: bundle.policy, ...fields }),
      requestId,
    ),
  );
};
const cover = async (bundle: Bundle, fields: Parameters<typeof coverageInput>[0]) =>
  valueOf(await evaluator.cover(bundle, coverageInput({ policy: bundle.policy, ...fields }), requestId));
const resolve = async (bundle: Bundle, outputs: readonly (readonly [string, string, number])[]) =>
  valueOf(
    await evaluator.resolve(
      bundle,
      conflictInput({
        policy: bundle.policy,
        detector_outputs: outputs.map(([detector, output, confidence]) => ({ detector, output, confidence })),
      }),
      requestId,
    ),
  );
const results = (statuses: Readonly<Record<string, string>>) =>
  Object.entries(statuses).map(([detector, status]) => ({ detector, status }));

describe('the demo bundles', () => {
  it('hold together: static fields, Rego, its tests, and detectors that the registry knows', async () => {
    const reports = await validatePolicies(policiesDir, {
      compiler: compilerWith(),
      detectors: registry.detectors,
    });
    expect(reports.map(({ bundle }) => bundle)).toEqual(['code', 'default', 'slow', 'strict', 'weighted']);
    // `slow` shows jobs and has no Rego.
    expect(reports.find(({ bundle }) => bundle === 'slow')).toMatchObject({
      ok: true,
      warnings: [],
      rules: [],
    });
    for (const report of reports.filter(({ bundle }) => bundle !== 'slow')) {
      expect(report).toMatchObject({
        tenant: 'demo',
        ok: true,
        errors: [],
        warnings: [],
        missing_detectors: [],
        rules: ['selection', 'coverage', 'conflict'],
        compilation: { ok: true, tests_failed: 0 },
      });
      expect(report.compilation?.tests_run).toBeGreaterThanOrEqual(10);
    }
  });

  it('require only categories that a detector of theirs declares', async () => {
    const { policy } = await textsOf('code');
    const declared = registry.detectors
      .filter(({ name }) => policy.required_detectors.includes(name))
      .flatMap(({ capabilities }) => capabilities.taxonomy_categories);
    for (const category of policy.coverage_calculation.required_taxonomy_categories ?? []) {
      expect(declared).toContain(category);
    }
  });
});

describe('deciding with the demo bundles', () => {
  let bundles: Readonly<Record<(typeof names)[number], Bundle>>;
  beforeAll(async () => {
    const catalog = await loadPolicies(policiesDir, compilerWith());
    const bundleOf = (name: string) => {
      const bundle = catalog.bundles.find(({ policy }) => policy.policy_bundle === name);
      if (!bundle) throw new Error(JSON.stringify(catalog.refused));
      return bundle;
    };
    bundles = {
      default: bundleOf('default'),
      strict: bundleOf('strict'),
      weighted: bundleOf('weighted'),
      code: bundleOf('code'),
    };
  });

  it('default: judges text and code by different detectors', async () => {
    expect((await select(bundles.default)).selected_detectors).toEqual([
      'language',
      'pii',
      'prompt-injection',
      'secrets',
      'toxicity',
    ]);
    expect((await select(bundles.default, { content_type: 'code' })).selected_detectors).toEqual([
      'dangerous-code',
      'prompt-injection',
      'secrets',
    ]);
    expect((await select(bundles.default, { priority: 'critical' })).selected_detectors).not.toContain(
      'language',
    );
  });

  it('default: a secret in otherwise clean text wins over three clean votes', async () => {
    expect(
      await resolve(bundles.default, [
        ['pii', 'clean', 0.6],
        ['secrets', 'api_key', 0.95],
        ['toxicity', 'clean', 0.6],
        ['prompt-injection', 'clean', 0.6],
      ]),
    ).toMatchObject({ resolution_strategy: 'most_restrictive', winning_detector: 'secrets' });
  });

  it('strict: refuses content that pii or prompt-injection did not judge, whatever the threshold', async () => {
    const statuses = { pii: 'success', secrets: 'success', toxicity: 'success', 'dangerous-code': 'success' };
    const verdict = await cover(bundles.strict, {
      coverage_achieved: 0.8,
      threshold: 0.5,
      results: results({ ...statuses, 'prompt-injection': 'timeout' }),
    });
    expect(verdict).toMatchObject({ coverage_met: false, missing_requirements: ['prompt-injection'] });
  });

  it('weighted: weighs code by weights of its own', async () => {
    expect(await select(bundles.weighted, { content_type: 'code' })).toMatchObject({
      coverage_method: 'weighted_coverage',
      coverage_requirements: { weights: { secrets: 0.5, 'dangerous-code': 0.3, 'prompt-injection': 0.2 } },
    });
    expect(
      (await select(bundles.weighted, { environment: 'prod' })).coverage_requirements?.min_success_fraction,
    ).toBe(0.8);
  });

  it('code: judges nothing but code', async () => {
    expect(
      (await select(bundles.code, { content_type: 'code', environment: 'prod' })).selected_detectors,
    ).toContain('pii');
    expect((await select(bundles.code)).allow).toBe(false);
  });

  it('default: has images judged by the detector that sees them', async () => {
    const eye = {
      name: 'image-safety',
      version: '1.0',
      taxonomy_categories: [],
      healthy: true,
      breaker: 'closed',
    } as const;
    const { allow, selected_detectors } = await select(bundles.default, {
      content_type: 'image',
      candidate_detectors: [eye],
    });
    expect([allow, selected_detectors]).toEqual([undefined, ['image-safety']]);
  });

  it.each(names.filter((name) => name !== 'default'))(
    '%s: refuses images, which no detector of it sees',
    async (name) => {
      expect(await select(bundles[name], { content_type: 'image' })).toMatchObject({
        allow: false,
        selected_detectors: [],
      });
    },
  );
});

/** Each edit touches one Rego file and nothing else of the bundle. */
const edits: Readonly<
  Record<(typeof names)[number], Readonly<Record<string, readonly [find: string, put: string]>>>
> = {
  default: {
    'rules/selection.rego': [
      'some detector in input.candidate_detectors',
      'some detector in input.candidate_detectors\n\tdetector.name != "toxicity"',
    ],
    'rules/coverage.rego': ['detector in input.policy.policy_data.must_judge', 'detector == "toxicity"'],
    'rules/conflict.rego': ['not weak(finding)', 'finding.detector != "secrets"'],
  },
  strict: {
    'rules/selection.rego': ['detector.name in named', 'detector.name in input.policy.required_detectors'],
    'rules/coverage.rego': [
      'some detector in input.policy.policy_data.must_judge',
      'some detector in ["toxicity"]',
    ],
    'rules/conflict.rego': [
      '"resolution_strategy": "most_restrictive"',
      '"resolution_strategy": "majority_vote"',
    ],
  },
  weighted: {
    'rules/selection.rego': ['weights[detector.name] > 0', 'weights[detector.name] > 0.2'],
    'rules/coverage.rego': ['detector in input.policy.policy_data.must_judge', 'detector == "toxicity"'],
    'rules/conflict.rego': ['not unsure(finding)', 'finding.detector != "secrets"'],
  },
  code: {
    'rules/selection.rego': ['input.environment != "dev"', 'input.environment == "stage"'],
    'rules/coverage.rego': ['detector in input.policy.policy_data.must_judge', 'detector == "pii"'],
    'rules/conflict.rego': [
      'some detector in input.policy.policy_data.precedence',
      'some detector in ["pii", "secrets"]',
    ],
  },
};

describe.each(names)('changing nothing but the Rego of %s', (name) => {
  const edited = (sources: readonly RegoSource[], file: string) => {
    const [find, put] = edits[name][file] ?? ['', ''];
    return sources.map(({ path, text }) => {
      if (path !== file) return { path, text };
      expect(text).toContain(find);
      return { path, text: text.replaceAll(find, put) };
    });
  };
  let before: Bundle;
  let after: (file: string) => Promise<Bundle>;
  beforeAll(async () => {
    const { policy, sources } = await textsOf(name);
    before = await compileBundle(sources, policy);
    after = (file) => compileBundle(edited(sources, file), policy);
  });

  it('flips the selected detectors', async () => {
    const request = name === 'code' ? ({ content_type: 'code', environment: 'prod' } as const) : {};
    const changed = await after('rules/selection.rego');
    expect(changed.digest).not.toBe(before.digest);
    expect((await select(changed, request)).selected_detectors).not.toEqual(
      (await select(before, request)).selected_detectors,
    );
  });

  it('flips the coverage verdict', async () => {
    const changed = await after('rules/coverage.rego');
    const all = { pii: 'success', secrets: 'success', toxicity: 'success', 'prompt-injection': 'success' };
    const input = {
      coverage_achieved: 0.85,
      threshold: 0.5,
      results: results({
        ...all,
        [name === 'code' || name === 'strict' ? 'prompt-injection' : 'pii']: 'failed',
      }),
    };
    expect([(await cover(before, input)).coverage_met, (await cover(changed, input)).coverage_met]).toEqual([
      false,
      true,
    ]);
  });

  it('flips the winner', async () => {
    const changed = await after('rules/conflict.rego');
    const outputs = [
      ['secrets', 'api_key', 0.95],
      ['pii', name === 'code' ? 'email' : 'clean', 0.6],
      ['prompt-injection', 'clean', 0.6],
    ] as const;
    const winner = async (bundle: Bundle) => {
      const { resolution_strategy, winning_detector } = await resolve(bundle, outputs);
      return { resolution_strategy, winning_detector };
    };
    expect(await winner(before)).toEqual({
      resolution_strategy: 'most_restrictive',
      winning_detector: 'secrets',
    });
    expect(await winner(changed)).not.toEqual(await winner(before));
  });
});
