import type { ConflictInput, CoverageInput, SelectionInput } from '../../../src/contract/decisions';
import { type TenantPolicy, tenantPolicySchema } from '../../../src/contract/policy';

export function samplePolicy(fields: Partial<TenantPolicy> = {}): TenantPolicy {
  return tenantPolicySchema.parse({
    tenant_id: 'acme',
    policy_bundle: 'sample',
    coverage_calculation: { calculation_method: 'required_set' },
    required_detectors: ['pii', 'secrets'],
    optional_detectors: ['language'],
    ...fields,
  });
}

export function selectionInput(fields: Partial<SelectionInput> = {}): SelectionInput {
  const candidates = ['pii', 'secrets', 'toxicity', 'prompt-injection', 'dangerous-code', 'language'];
  return {
    tenant_id: 'acme',
    policy_bundle: 'sample',
    environment: 'dev',
    content_type: 'text',
    content_length: 42,
    priority: 'normal',
    candidate_detectors: candidates.map((name) => ({
      name,
      version: '1.0',
      taxonomy_categories: [],
      healthy: true,
      breaker: 'closed',
    })),
    required_detectors: [],
    excluded_detectors: [],
    policy: samplePolicy(),
    ...fields,
  };
}

export function coverageInput(fields: Partial<CoverageInput> = {}): CoverageInput {
  return {
    tenant_id: 'acme',
    policy_bundle: 'sample',
    coverage_method: 'required_set',
    coverage_achieved: 1,
    threshold: 0.8,
    results: [
      { detector: 'pii', status: 'success' },
      { detector: 'secrets', status: 'success' },
    ],
    policy: samplePolicy(),
    ...fields,
  };
}

export function conflictInput(fields: Partial<ConflictInput> = {}): ConflictInput {
  return {
    tenant_id: 'acme',
    policy_bundle: 'sample',
    content_type: 'text',
    detector_outputs: [
      { detector: 'pii', output: 'clean', confidence: 0.6 },
      { detector: 'secrets', output: 'api_key', confidence: 0.95 },
    ],
    weights: {},
    policy: samplePolicy(),
    ...fields,
  };
}
