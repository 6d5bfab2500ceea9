import type { DetectorResult } from '../../../src/contract/detector-result';
import { tenantPolicySchema } from '../../../src/contract/policy';
import { type ComplianceFacts, complianceViolations } from '../../../src/domain/compliance';
import { planFor } from '../../../src/domain/plan';
import { registration } from '../api/support';

const policy = tenantPolicySchema.parse({
  tenant_id: 'acme',
  policy_bundle: 'default',
  coverage_calculation: { calculation_method: 'required_set', partial_coverage_threshold: 0.8 },
  required_detectors: ['a', 'b'],
  content_type_routing: { text: ['a', 'b', 'c'], image: [] },
});

const result = (detector: string, fields: Partial<DetectorResult> = {}): DetectorResult => ({
  detector,
  status: 'success',
  output: 'clean',
  confidence: 0.6,
  metadata: null,
  processing_time_ms: 1,
  error: null,
  findings: [],
  findings_truncated: false,
  ...fields,
});

function violations(results: readonly DetectorResult[], facts: Partial<ComplianceFacts> = {}) {
  const contentType = facts.contentType ?? 'text';
  const plan = planFor({
    request: {
      tenant_id: 'acme',
      policy_bundle: 'default',
      environment: 'prod',
      content_type: contentType,
      priority: 'normal',
    },
    policy,
    policyDigest: '',
    registrations: ['a', 'b', 'c'].map((name) => registration(name)),
    decision: null,
    decider: 'tenant_policy',
    regoRules: { coverage: false, conflict: false },
    settings: {
      mappingEnabled: false,
      mapperBudgetMs: 100,
      maxConcurrentDetectors: 10,
      fastLaneLimitMs: 1000,
      versionInfo: { taxonomy: '1', frameworks: '1', model: 'none', orchestrator: '1' },
    },
  });
  return complianceViolations({
    contentType,
    policy,
    plan,
    results,
    registered: new Set(['a', 'b', 'c']),
    ...facts,
  }).map(({ violation_type, severity, detector }) => [violation_type, severity, detector]);
}

describe('Results against a bundle', () => {
  it('that keep it violate nothing; that nothing was found need not be sure', () => {
    expect(violations([result('a'), result('b', { output: 'ssn', confidence: 0.9 })])).toEqual([]);
  });

  it('miss a required detector, and coverage by the share that is missing', () => {
    expect(violations([result('a')])).toEqual([
      ['missing_required_detector', 'high', 'b'],
      ['insufficient_coverage', 'medium', undefined],
    ]);
    expect(violations([result('a', { status: 'failed' }), result('b', { status: 'timeout' })])).toEqual([
      ['insufficient_coverage', 'high', undefined],
    ]);
  });

  it('come from a detector that may not look, or that nobody registered', () => {
    const both = [result('a'), result('b')];
    expect(violations([...both, result('d')])).toEqual([['disallowed_detector', 'high', 'd']]);
    expect(violations(both, { registered: new Set(['a']) })).toEqual([
      ['unregistered_detector', 'medium', 'b'],
    ]);
  });

  it('are unsure one by one, and together', () => {
    const unsure = result('b', { output: 'ssn', confidence: 0.5 });
    expect(violations([result('a', { output: 'toxic', confidence: 0.95 }), unsure])).toEqual([
      ['low_confidence_detector', 'medium', 'b'],
    ]);
    expect(violations([result('a'), unsure])).toEqual([
      ['low_confidence_detector', 'medium', 'b'],
      ['low_confidence_aggregate', 'high', undefined],
    ]);
    const lenient = { ...policy, policy_data: { min_confidence: 0.5 } };
    expect(violations([result('a'), unsure], { policy: lenient })).toEqual([]);
  });

  it('are of content that the bundle does not judge', () => {
    const refused = [['content_type_not_allowed', 'high', undefined]];
    expect(violations([result('a')], { contentType: 'image' })).toEqual(refused);
    expect(violations([result('a')], { plan: null })).toEqual(refused);
  });
});
