import fc from 'fast-check';
import type { DetectorResult, Finding } from '../../../src/contract/detector-result';
import { type DetectorErrorToken, detectorErrors } from '../../../src/contract/enums';
import type { Plan, PlannedDetector } from '../../../src/contract/plan';
import { type TenantPolicy, tenantPolicySchema } from '../../../src/contract/policy';
import { type DetectorRegistration, detectorRegistrationSchema } from '../../../src/contract/registration';
import { resultWithoutAnswer } from '../../../src/domain/results';

/** Every property test runs on the same cases each time. */
fc.configureGlobal({ seed: 20_250_701, numRuns: 300 });

export const requestId = '8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10';

export function planned(name: string, overrides: Partial<PlannedDetector> = {}): PlannedDetector {
  return {
    name,
    version: '1.0',
    role: 'primary',
    coverage_weight: 0,
    priority_weight: 1,
    bundle_priority: null,
    taxonomy_categories: [],
    score_normalization: { method: 'identity' },
    label_severity: {},
    max_content_length: 50_000,
    depends_on: [],
    timeout_ms: 5000,
    max_retries: 2,
    pool: null,
    call: {
      protocol: 'detectors-api',
      endpoint: `http://127.0.0.1/${name}`,
      detector_id: name,
      params: {},
      max_batch: 32,
      auth_type: 'none',
      auth_config: {},
      http: null,
    },
    ...overrides,
  };
}

/** A plan over these detectors in one group, all of them required. */
export function planOf(detectors: readonly PlannedDetector[], overrides: Partial<Plan> = {}): Plan {
  const named = (role: PlannedDetector['role']) =>
    detectors.filter((detector) => detector.role === role).map(({ name }) => name);
  return {
    tenant_id: 'acme',
    policy_bundle: 'default',
    policy_version: '1.2',
    policy_digest: 'd'.repeat(64),
    environment: 'dev',
    content_type: 'text',
    priority: 'normal',
    decider: 'tenant_policy',
    selection_reason: null,
    detectors,
    primary_stages: [named('primary')],
    secondary_stages: named('secondary').length === 0 ? [] : [named('secondary')],
    skipped: [],
    coverage: {
      method: 'required_set',
      required_detectors: named('primary'),
      weights: {},
      required_categories: [],
      threshold: 0.8,
    },
    conflict: {
      strategy: 'weighted_average',
      decided_by: 'content_type_default',
      benign_labels: ['clean', 'safe', 'none', 'no_pii', 'ok', 'benign'],
    },
    rego: { coverage: false, conflict: false },
    lane: 'fast',
    mapping: { enabled: true, budget_ms: 500 },
    allow_async_conversion: true,
    max_concurrent_detectors: 10,
    version_info: { taxonomy: '1.0', frameworks: '1.0', model: 'none' },
    ...overrides,
  };
}

export function finding(label: string, strength: number): Finding {
  return {
    label,
    raw_strength: strength,
    strength,
    start: null,
    end: null,
    fingerprint: `${label}-${strength}`,
  };
}

export function success(
  detector: string,
  output: string,
  confidence: number | null = 0.9,
  overrides: Partial<DetectorResult> = {},
): DetectorResult {
  return {
    detector,
    status: 'success',
    output,
    confidence,
    metadata: null,
    processing_time_ms: 12,
    error: null,
    findings: [],
    findings_truncated: false,
    ...overrides,
  };
}

export const failure = resultWithoutAnswer;

export function policy(overrides: Record<string, unknown> = {}): TenantPolicy {
  return tenantPolicySchema.parse({
    tenant_id: 'acme',
    policy_bundle: 'default',
    required_detectors: ['a'],
    coverage_calculation: { calculation_method: 'required_set' },
    ...overrides,
  });
}

export function registration(name: string, overrides: Record<string, unknown> = {}): DetectorRegistration {
  const { capabilities, ...rest } = overrides;
  return detectorRegistrationSchema.parse({
    name,
    endpoint: `http://127.0.0.1/${name}`,
    capabilities: { supported_content_types: ['text'], ...(capabilities as object | undefined) },
    ...rest,
  });
}

const tokens: DetectorErrorToken[] = Object.values(detectorErrors).flat();
const score = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100);
const label = fc.constantFrom('toxic', 'hate', 'pii', 'clean', '__proto__', 'constructor', 'ü¬∂🙂');

function resultFor(detector: string): fc.Arbitrary<DetectorResult> {
  const answered = fc
    .tuple(
      label,
      fc.option(score),
      fc.array(fc.tuple(label, score), { maxLength: 4 }),
      fc.oneof({ arbitrary: fc.constant(false), weight: 5 }, { arbitrary: fc.constant(true), weight: 1 }),
    )
    .map(([output, confidence, found, partly]) =>
      success(detector, output, confidence, {
        findings: found.map(([name, s]) => finding(name, s)),
        ...(partly ? { unjudged: [{ reason: 'truncated', start: null, end: null, labels: null }] } : {}),
      }),
    );
  const unanswered = fc.constantFrom(...tokens).map((token) => failure(detector, token));
  return fc.oneof({ arbitrary: answered, weight: 3 }, { arbitrary: unanswered, weight: 1 });
}

const methods = fc.constantFrom(
  'required_set' as const,
  'weighted_coverage' as const,
  'taxonomy_coverage' as const,
);
const strategies = fc.constantFrom(
  'weighted_average' as const,
  'highest_confidence' as const,
  'majority_vote' as const,
  'most_restrictive' as const,
  'tenant_preference' as const,
);

const detectorTraits = fc.record({
  share: fc.integer({ min: 1, max: 10 }),
  priority_weight: fc.constantFrom(0.5, 1, 1, 2),
  bundle_priority: fc.option(fc.constantFrom(1, 2, 3)),
  severity: fc.constantFrom(0, 50, 90),
});

/** A plan of one to seven detectors under any method and strategy, and one result for each detector. */
export const runs = fc
  .record({
    traits: fc.array(detectorTraits, { minLength: 1, maxLength: 7 }),
    method: methods,
    strategy: strategies,
    contentType: fc.constantFrom('text' as const, 'image' as const, 'document' as const, 'code' as const),
  })
  .chain(({ traits, method, strategy, contentType }) => {
    const total = traits.reduce((sum, { share }) => sum + share, 0);
    const detectors = traits.map(({ share, priority_weight, bundle_priority, severity }, i) =>
      planned(`d${i}`, {
        coverage_weight: share / total,
        priority_weight,
        bundle_priority,
        label_severity: { toxic: severity },
        taxonomy_categories: [`CAT${i % 3}`],
      }),
    );
    const plan = planOf(detectors, {
      content_type: contentType,
      coverage: {
        method,
        required_detectors: detectors.map(({ name }) => name),
        weights: Object.fromEntries(detectors.map((d) => [d.name, d.coverage_weight])),
        required_categories: ['CAT0.Sub', 'CAT1', 'CAT2'],
        threshold: 0.8,
      },
      conflict: { strategy, decided_by: 'bundle', benign_labels: ['clean'] },
    });
    return fc.record({
      plan: fc.constant(plan),
      results: fc.tuple(...detectors.map(({ name }) => resultFor(name))),
    });
  });

/** The same run, and its results in another order. */
export const shuffledRuns = runs.chain(({ plan, results }) =>
  fc.record({
    plan: fc.constant(plan),
    results: fc.constant(results),
    shuffled: fc.shuffledSubarray(results, { minLength: results.length }),
  }),
);
