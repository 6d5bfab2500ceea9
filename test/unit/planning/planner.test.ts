import { ConclaveError } from '../../../src/contract/errors';
import type { Plan } from '../../../src/contract/plan';
import type { ContentRouting, ContentRoutingInput } from '../../../src/contract/content-routing';
import type { SelectionDecision, SelectionInput } from '../../../src/contract/decisions';
import { type OrchestrationRequest, orchestrationRequestSchema } from '../../../src/contract/request';
import type { TenantSwitches } from '../../../src/contract/tenants';
import { Planner, type PlannerDependencies } from '../../../src/planning/planner';
import type { Bundle } from '../../../src/policy/bundle';
import type { Decision } from '../../../src/policy/decision';
import { DetectorRegistry } from '../../../src/registry/registry';
import { policy, registration } from '../domain/support';

type Selection = Decision<SelectionDecision>;
const decided = (value: Extract<Selection, { kind: 'decision' }>['value']): Selection => ({
  kind: 'decision',
  value,
  raw: value,
});

const requestId = 'a5d1f2a0-0000-4000-8000-000000000001';

const registrations = [
  registration('a', { capabilities: { average_processing_time_ms: 40, taxonomy_categories: ['PII'] } }),
  registration('b', { version: '2.0' }),
  registration('foreign', { tenant_scope: 'own', tenant_id: 'other' }),
];

const planning = {
  mappingEnabled: true,
  mapperBudgetMs: 500,
  maxConcurrentDetectors: 10,
  versionInfo: { taxonomy: '1', frameworks: '1', model: 'none' },
};

function planner(
  selection: Selection = { kind: 'no_rule' },
  overrides: Partial<PlannerDependencies> = {},
  seen: SelectionInput[] = [],
) {
  const bundle: Bundle = {
    policy: policy({ required_detectors: ['a'], optional_detectors: ['b'], version: '1.3' }),
    digest: 'e'.repeat(64),
    wasm: null,
    rules: { selection: false, coverage: true, conflict: false },
  };
  return new Planner({
    bundleOf: async (tenant, name) => (tenant === 'acme' && name === 'default' ? bundle : null),
    evaluator: {
      select: async (_bundle, input) => (seen.push(input), selection),
      route: async () => ({ kind: 'no_rule' }),
    },
    registry: new DetectorRegistry(registrations),
    health: {
      isAvailable: (endpointId: string) => endpointId === 'a@1.0',
      isHealthy: (endpointId: string) => endpointId === 'a@1.0',
    } as never,
    breakers: { stateOf: () => 'half_open' } as never,
    latencies: {
      estimate: (_name: string, _version: string, declared: number | null) => declared ?? 0,
    } as never,
    settings: planning,
    record: async () => undefined,
    allowListOf: () => undefined,
    switchesOf: () => null,
    ...overrides,
  });
}

const request = (overrides: Partial<OrchestrationRequest> = {}): OrchestrationRequest =>
  orchestrationRequestSchema.parse({
    content: 'ten signs🙂',
    content_type: 'text',
    tenant_id: 'acme',
    policy_bundle: 'default',
    environment: 'prod',
    ...overrides,
  });

async function errorOf(act: Promise<unknown>): Promise<ConclaveError> {
  try {
    await act;
  } catch (error) {
    if (error instanceof ConclaveError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('Planner', () => {
  it('shows Rego the request without its content, and what may be asked', async () => {
    const seen: SelectionInput[] = [];
    await planner({ kind: 'no_rule' }, {}, seen).plan(request({ excluded_detectors: ['b'] }), requestId);
    const candidate = { taxonomy_categories: [], healthy: false, breaker: 'half_open' };
    expect(seen).toEqual([
      {
        tenant_id: 'acme',
        policy_bundle: 'default',
        environment: 'prod',
        content_type: 'text',
        content_length: 10,
        priority: 'normal',
        candidate_detectors: [
          { ...candidate, name: 'a', version: '1.0', taxonomy_categories: ['PII'], healthy: true },
          { ...candidate, name: 'b', version: '2.0' },
        ],
        required_detectors: [],
        excluded_detectors: ['b'],
        policy: expect.objectContaining({ policy_bundle: 'default', version: '1.3' }),
      },
    ]);
    expect(JSON.stringify(seen)).not.toContain('ten signs');
  });

  it.each([
    ['opa', decided({ selected_detectors: ['b'], selection_reason: 'both' }), ['a', 'b'], 'both'],
    ['tenant_policy', { kind: 'no_rule' }, ['a'], null],
    ['tenant_policy_opa_fallback', { kind: 'failed', reason: 'trap', detail: '' }, ['a'], null],
  ] as const)('names %s as decider', async (decider, selection, primaries, reason) => {
    const { plan } = await planner(selection).plan(request(), requestId);
    expect(plan).toMatchObject({
      decider,
      selection_reason: reason,
      policy_version: '1.3',
      policy_digest: 'e'.repeat(64),
      primary_stages: [primaries],
      rego: { coverage: true, conflict: false },
    });
  });

  it('passes on what a request asks for itself, for other policies to judge by', async () => {
    const wishes = { required_detectors: ['b'], excluded_detectors: ['a'] };
    expect((await planner().plan(request(wishes), requestId)).about).toEqual(wishes);
    expect(await planner().plan(request(), requestId)).not.toHaveProperty('about');
  });

  it('denies what the policy denies', async () => {
    const denial = await errorOf(
      planner(decided({ selected_detectors: [], allow: false })).plan(request(), requestId),
    );
    expect(denial).toMatchObject({ code: 'INSUFFICIENT_RBAC', status: 403, detail: 'policy_denied' });
  });

  it('heeds what the tenant has set where the bundle leaves it open [F.4]', async () => {
    let set: TenantSwitches | null = null;
    const one = planner({ kind: 'no_rule' }, { switchesOf: () => set });
    const none = await one.plan(request(), requestId);
    expect(none.plan).toMatchObject({ mapping: { enabled: true }, allow_async_conversion: true });
    set = { auto_map_results: false, allow_async_conversion: false, worker_queue: 'acme-own' };
    const own = await one.plan(request(), requestId);
    expect(own.plan).toMatchObject({ mapping: { enabled: false }, allow_async_conversion: false });
    expect(own.digest).not.toBe(none.digest);
    // Quick detectors are called where the request is.
    expect([own.plan.lane, ...own.plan.detectors.map(({ pool }) => pool)]).toEqual(['fast', null, null]);
    set = null;
    expect((await one.plan(request(), requestId)).digest).toBe(none.digest);
  });

  it('has the slow detectors of a tenant called by workers of its own [F.4]', async () => {
    const settings = { ...planning, fastLaneLimitMs: 0 };
    const slow = registrations.map((one) => ({
      ...one,
      capabilities: { ...one.capabilities, average_processing_time_ms: 10 },
    }));
    const switchesOf = () => ({
      auto_map_results: null,
      allow_async_conversion: null,
      worker_queue: 'acme-own',
    });
    const registry = new DetectorRegistry(slow);
    const { plan } = await planner({ kind: 'no_rule' }, { settings, switchesOf, registry }).plan(
      request(),
      requestId,
    );
    const pools = plan.detectors.map(({ pool }) => pool);
    expect([plan.lane, ...pools]).toEqual(['pool', 'acme-own', 'acme-own']);
  });

  it('runs no bundle that withholds the scope to run it [10.2]', async () => {
    const bundle = await planner()
      .plan(request(), requestId)
      .then((planned) => planned.bundle);
    const closed = { ...bundle, policy: { ...bundle.policy, rbac_scopes: ['orchestrate:read'] } };
    const refused = planner({ kind: 'no_rule' }, { bundleOf: async () => closed }).plan(request(), requestId);
    expect(await errorOf(refused)).toMatchObject({ status: 403, detail: 'bundle_scope_missing' });
  });

  it('knows no bundle but the tenant’s own', async () => {
    for (const overrides of [{ tenant_id: 'other' }, { policy_bundle: 'absent' }]) {
      const error = await errorOf(planner().plan(request(overrides), requestId));
      expect(error).toMatchObject({ code: 'POLICY_NOT_FOUND', status: 400 });
      expect(error.fieldErrors.map(({ path }) => path)).toEqual(['policy_bundle']);
    }
  });

  it('refuses detectors that the tenant does not see, each by its place', async () => {
    const lists = { required_detectors: ['a', 'foreign'], excluded_detectors: ['nobody'] };
    const error = await errorOf(planner().plan(request(lists), requestId));
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', detail: 'unknown_detector' });
    expect(error.fieldErrors.map(({ path }) => path)).toEqual([
      'required_detectors[1]',
      'excluded_detectors[0]',
    ]);
  });

  it('has the allow-list that counts in the plan, so that plans of two lists are two', async () => {
    let allow_list: Plan['allow_list'];
    const made = planner({ kind: 'no_rule' }, { allowListOf: () => allow_list });
    const before = await made.plan(request(), requestId);
    expect(before.plan).not.toHaveProperty('allow_list');
    allow_list = { revision: 3, until: 9 };
    const after = await made.plan(request(), requestId);
    expect(after.plan).toEqual({ ...before.plan, allow_list });
    expect(after.digest).not.toBe(before.digest);
    allow_list = undefined;
    expect((await made.plan(request(), requestId)).digest).toBe(before.digest);
  });

  it('keeps what belongs to one request out of the plan, so that equal plans have equal digests', async () => {
    const { digest, healthStatus, projectedMs } = await planner().plan(request(), requestId);
    expect([healthStatus, projectedMs]).toEqual([{ a: true, b: false }, 40]);
    const ailing = { health: { isAvailable: () => false, isHealthy: () => false } as never };
    expect(
      (await planner({ kind: 'no_rule' }, ailing).plan(request({ content: 'other' }), requestId)).digest,
    ).toBe(digest);
    expect((await planner().plan(request({ priority: 'low' }), requestId)).digest).not.toBe(digest);
    expect((await planner().plan(request({ required_detectors: ['b'] }), requestId)).digest).not.toBe(digest);
  });
});

describe('Planner with a rule that routes by content', () => {
  const seen: ContentRoutingInput[] = [];
  const routed = (routing: Decision<ContentRouting>, selection?: Selection) => {
    const evaluator = {
      select: async () => selection ?? ({ kind: 'no_rule' } as const),
      route: async (_bundle: Bundle, input: ContentRoutingInput) => (seen.push(input), routing),
    };
    const bundle: Bundle = {
      policy: policy({ required_detectors: ['a'], optional_detectors: ['b'] }),
      digest: 'e'.repeat(64),
      wasm: new Uint8Array(),
      rules: { routing: true },
    };
    return planner({ kind: 'no_rule' }, { evaluator, bundleOf: async () => bundle }).plan(
      request(),
      requestId,
    );
  };
  const ruled = (value: ContentRouting): Decision<ContentRouting> => ({
    kind: 'decision',
    value,
    raw: value,
  });

  it('shows it what the content is like, and never the content', async () => {
    const { about } = await routed(ruled({}));
    expect(about).toEqual({ analysis: (seen.at(-1) as { content?: object }).content });
    expect(seen.at(-1)).toMatchObject({
      content: { length: 10, mime: 'text/plain', script: 'Latin', code_share: 0 },
      candidate_detectors: [{ name: 'a' }, { name: 'b' }],
    });
    expect(seen.at(-1)).not.toHaveProperty('content_length');
    expect(JSON.stringify(seen)).not.toContain('ten signs');
  });

  it('asks first what it adds, and not at all what it skips', async () => {
    const added = await routed(ruled({ add_detectors: ['b'], routing_reason: 'is code' }));
    expect(added.plan).toMatchObject({
      decider: 'opa',
      selection_reason: 'is code',
      primary_stages: [['a', 'b']],
      secondary_stages: [],
    });
    const skipped = await routed(ruled({ skip_detectors: ['b'] }), decided({ selected_detectors: ['b'] }));
    expect(skipped.plan.detectors.map(({ name }) => name)).toEqual(['a']);
  });

  it('tells an answer that cannot be used from a rule that could not be asked', async () => {
    const failed = (reason: 'trap' | 'invalid') => ({ kind: 'failed', reason, detail: '' }) as const;
    const decider = 'tenant_policy_opa_fallback';
    expect((await routed(failed('invalid'))).plan).toMatchObject({ decider, invalid_decision: true });
    expect((await routed({ kind: 'no_rule' }, failed('invalid'))).plan).toMatchObject({
      decider,
      invalid_decision: true,
    });
    expect((await routed(failed('trap'))).plan).not.toHaveProperty('invalid_decision');
  });

  it('marks a rule that failed, whatever selection decided', async () => {
    const failed = { kind: 'failed', reason: 'trap', detail: '' } as const;
    const selection = decided({ selected_detectors: ['b'], selection_reason: 'both' });
    expect((await routed(failed, selection)).plan).toMatchObject({
      decider: 'tenant_policy_opa_fallback',
      primary_stages: [['a', 'b']],
    });
  });
});
