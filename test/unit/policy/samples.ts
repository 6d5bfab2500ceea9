import { randomUUID } from 'node:crypto';
import type { ContentRoutingInput } from '../../../src/contract/content-routing';
import type { ConflictInput, CoverageInput, SelectionInput } from '../../../src/contract/decisions';
import type { LoggedDecision } from '../../../src/contract/decision-log';
import type { FailureInput } from '../../../src/contract/failure-decision';
import { type TenantPolicy, tenantPolicySchema } from '../../../src/contract/policy';
import type { BundleState, VersionRecord } from '../../../src/contract/policy-store';

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

/** With one version, which decides. */
export function stateOf(bundle: string): BundleState {
  const at = '2026-11-21T10:00:00.000Z';
  const record: VersionRecord = {
    version: '1.0',
    status: 'approved',
    created_at: at,
    created_by: 'ann',
    description: '',
    approvals: [],
    approved_at: at,
    activated_at: at,
    rolled_back_from: null,
    conflict_warnings: [],
    checksum: 'digest',
    shape: 2,
    origin: 'api',
    rate_limit_per_minute: 1000,
    benign_labels: ['clean'],
  };
  return {
    tenant_id: 'acme',
    policy_bundle: bundle,
    versions: [record],
    active: '1.0',
    deleted_at: null,
    folder_digest: null,
  };
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

export function routingInput(fields: Partial<ContentRoutingInput> = {}): ContentRoutingInput {
  const { content_length, ...about } = selectionInput();
  return {
    ...about,
    content: { length: content_length, mime: 'text/plain', language: 'en', script: 'Latin', code_share: 0 },
    ...fields,
  };
}

/** `pii` is out of order, and `toxicity` refuses our credentials. */
export function failureInput(fields: Partial<FailureInput> = {}): FailureInput {
  return {
    tenant_id: 'acme',
    policy_bundle: 'sample',
    environment: 'dev',
    content_type: 'text',
    priority: 'normal',
    failures: [
      { detector: 'pii', cause: 'outage', taxonomy_categories: ['PII'], static_action: 'fail_closed' },
      { detector: 'toxicity', cause: 'credentials', taxonomy_categories: [], static_action: 'fail_closed' },
    ],
    policy: samplePolicy(),
    ...fields,
  };
}

export function loggedDecision(fields: Partial<LoggedDecision> = {}): LoggedDecision {
  return {
    decision_id: randomUUID(),
    request_id: randomUUID(),
    tenant_id: 'acme',
    policy_bundle: 'sample',
    policy_version: '1.0',
    policy_digest: 'd'.repeat(64),
    decision: 'coverage',
    input_digest: 'f'.repeat(64),
    outcome: 'decision',
    result: { coverage_met: true },
    detail: null,
    duration_ms: 0.05,
    timestamp: '2026-11-21T19:00:00.000Z',
    ...fields,
  };
}
