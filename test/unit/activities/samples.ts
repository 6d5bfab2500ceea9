import type { MemberEnding, MemberWithoutContent } from '../../../src/activities/types';
import type { MappingResponse } from '../../../src/contract/payload';
import type { DetectorResult } from '../../../src/contract/detector-result';
import type { Plan } from '../../../src/contract/plan';
import { coverageOf } from '../../../src/domain/coverage';
import { buildPayload } from '../../../src/domain/payload';
import { planned, planOf, requestId, success } from '../domain/support';

export const plan: Plan = planOf([planned('a'), planned('b')], {
  version_info: {
    policy: 'default:1.2',
    taxonomy: '1.0',
    frameworks: '1.1',
    model: 'none',
    orchestrator: '0.1.0',
  },
});

export const member: MemberWithoutContent = {
  request_id: requestId,
  correlation_id: 'corr',
  traceparent: null,
  mode: 'sync',
  content_length: 20,
  idempotency_key: null,
  parent_job_id: null,
  received_at: 1000,
  convert_at: 2500,
  sla_at: 3000,
  cut_at: 30_500,
  deadline_at: 31_000,
  routing_tokens: [],
  health_status: { a: true, b: true },
};

export const mappingResponse: MappingResponse = {
  taxonomy: ['HARM.SPEECH.Toxicity'],
  scores: { 'HARM.SPEECH.Toxicity': 0.9 },
  confidence: 0.9,
};

/** A member all of whose detectors agree, settled without Rego. */
export function ending(
  overrides: Partial<MemberEnding> = {},
  results: readonly DetectorResult[] = [success('a', 'toxic'), success('b', 'toxic')],
): MemberEnding {
  const coverage = coverageOf(plan, results);
  return {
    member,
    results,
    coverage,
    decisions: { coverage: null, conflict: null, failed: false },
    conflict: null,
    payload: buildPayload({ plan, requestId, results, coverage, conflict: null }),
    mapping: { kind: 'off' },
    aggregation_failed: false,
    cancelled: false,
    ...overrides,
  };
}
