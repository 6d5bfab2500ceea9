import { explanationSchema, type PlanRecord } from '../../../src/contract/explanation';
import { Explanations } from '../../../src/submission/explanations';

const requestId = 'a5d1f2a0-0000-4000-8000-000000000001';
const originId = 'a5d1f2a0-0000-4000-8000-000000000002';

const plan: PlanRecord = {
  content_type: 'text',
  decider: 'opa',
  selection_reason: 'default',
  considered: [
    { detector: 'a', version: '1.0', chosen: true, role: 'primary', reason: 'required_by_policy' },
    { detector: 'b', version: '1.0', chosen: true, role: 'primary', reason: 'selected_by_opa' },
    { detector: 'c', version: '2.0', chosen: false, role: null, reason: 'unsupported_content_type' },
  ],
  stages: { primary: [['a', 'b']], secondary: [] },
  coverage: {
    method: 'required_set',
    required_detectors: ['a'],
    weights: {},
    required_categories: [],
    threshold: 0.8,
  },
  conflict: { strategy: 'most_restrictive', decided_by: 'bundle' },
};

const about = {
  received_at: '2026-11-21T19:00:00.000Z',
  content_type: 'text',
  policy: { bundle: 'default', version: '1.0', digest: 'd'.repeat(64) },
  decider: 'opa',
  plan_digest: 'p',
  http_status: 200,
  error_code: null,
};
const run = {
  ...about,
  decisions: { selection: 'default', coverage: { coverage_met: true }, conflict: null, failed: false },
  unavailable: ['b'],
  results: [
    { detector: 'a', status: 'success', processing_time_ms: 12 },
    { detector: 'b', status: 'unavailable', processing_time_ms: 0, failure_cause: 'outage' },
  ],
  coverage: 1,
  conflict: null,
  mapping: 'mapped',
};
const hit = { ...about, answered_from: { source: 'cache', request_id: originId } };

interface World {
  readonly records?: Readonly<Record<string, object>>;
  readonly plan?: PlanRecord | null;
  readonly job?: { readonly tenantId: string; readonly status: string };
}

function explaining({ records = {}, job, ...world }: World) {
  const explanations = new Explanations({
    audit: {
      ending: async (id, tenant) => {
        const record = tenant === null || tenant === 'acme' ? records[id] : undefined;
        return record ? { tenantId: 'acme', requestId: id, record } : null;
      },
    },
    plans: { find: async () => ('plan' in world ? world.plan! : plan) },
    orchestrations: { job: async () => (job ?? null) as never },
  });
  return async (tenant: string | null = 'acme') => explanations.explain(requestId, tenant);
}

describe('an explanation', () => {
  it('names every detector that was considered, with its reason and its fate [5]', async () => {
    const explanation = explanationSchema.parse(await explaining({ records: { [requestId]: run } })());
    expect(explanation).toMatchObject({
      origin: { source: 'run', request_id: requestId },
      policy: about.policy,
      routing: { decider: 'opa', reason: 'default', stages: plan.stages },
      detectors: [
        { detector: 'a', reason: 'required_by_policy', available: true, status: 'success' },
        { detector: 'b', available: false, status: 'unavailable', failure_cause: 'outage' },
        { detector: 'c', chosen: false, reason: 'unsupported_content_type', status: null },
      ],
      coverage: { demanded: plan.coverage, achieved: 1, verdict: { coverage_met: true } },
      conflict: null,
      policy_fallback: false,
    });
  });

  it('of a kept answer is that of the run it came from', async () => {
    const explanation = await explaining({ records: { [requestId]: hit, [originId]: run } })();
    expect(explanation).toMatchObject({
      request_id: requestId,
      origin: { source: 'cache', request_id: originId },
      coverage: { achieved: 1 },
      detectors: [{ status: 'success' }, { status: 'unavailable' }, { status: null }],
    });
  });

  it('says what it can of a kept answer whose run is no longer on record', async () => {
    expect(await explaining({ records: { [requestId]: hit } })()).toMatchObject({
      origin: { source: 'cache', request_id: originId },
      coverage: { demanded: plan.coverage, achieved: null },
      detectors: [{ available: null, status: null }, {}, {}],
    });
  });

  it('does without a plan that is no longer on record', async () => {
    const explanation = await explaining({ records: { [requestId]: run }, plan: null })();
    expect(explanationSchema.parse(explanation)).toMatchObject({
      detectors: null,
      routing: { reason: 'default', stages: null },
    });
  });

  it.each([
    ['what nobody asked for', {}, 404, 'request_not_found'],
    ['what is not the tenant’s', { job: { tenantId: 'other', status: 'running' } }, 404, 'request_not_found'],
    ['what still runs', { job: { tenantId: 'acme', status: 'running' } }, 409, 'orchestration_not_finished'],
    [
      'what ended without a plan',
      { records: { [requestId]: { error_code: 'POLICY_NOT_FOUND', http_status: 400 } } },
      404,
      'explanation_not_found',
    ],
  ])('is not given of %s', async (_what, world, status, detail) => {
    await expect(explaining(world)()).rejects.toMatchObject({ status, detail });
  });

  it('is not given to another tenant', async () => {
    await expect(explaining({ records: { [requestId]: run } })('other')).rejects.toMatchObject({
      status: 404,
      detail: 'request_not_found',
    });
  });
});
