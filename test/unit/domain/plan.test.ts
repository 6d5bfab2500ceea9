import fc from 'fast-check';
import type { SelectionDecision } from '../../../src/contract/decisions';
import { coverageOf } from '../../../src/domain/coverage';
import { type PlanningInput, planFor } from '../../../src/domain/plan';
import { candidatesFor, decisionFault } from '../../../src/domain/select';
import { DependencyCycleError } from '../../../src/domain/stages';
import { policy, registration, success } from './support';

function planOf(overrides: {
  request?: Partial<PlanningInput['request']>;
  policy?: Record<string, unknown>;
  registrations?: PlanningInput['registrations'];
  decision?: SelectionDecision;
  settings?: Partial<PlanningInput['settings']>;
}) {
  return planFor({
    request: {
      tenant_id: 'acme',
      policy_bundle: 'default',
      environment: 'prod',
      content_type: 'text',
      priority: 'high',
      ...overrides.request,
    },
    policy: policy(overrides.policy),
    policyDigest: 'digest',
    registrations: overrides.registrations ?? [registration('a'), registration('b'), registration('c')],
    decision: overrides.decision ?? null,
    decider: overrides.decision ? 'opa' : 'tenant_policy',
    regoRules: { coverage: true, conflict: false },
    settings: {
      mappingEnabled: true,
      mapperBudgetMs: 500,
      maxConcurrentDetectors: 10,
      versionInfo: { taxonomy: '3.0', frameworks: '2.0', model: 'none' },
      ...overrides.settings,
    },
  });
}

const names = (plan: ReturnType<typeof planOf>, role: 'primary' | 'secondary') =>
  plan.detectors.filter((detector) => detector.role === role).map(({ name }) => name);

const weighted = (weights: Record<string, number>) => ({
  required_detectors: [],
  coverage_calculation: { calculation_method: 'weighted_coverage', weighted_requirements: weights },
});

const taxonomy = (categories?: string[]) => ({
  required_detectors: ['a'],
  coverage_calculation: { calculation_method: 'taxonomy_coverage', required_taxonomy_categories: categories },
});

describe('candidatesFor', () => {
  it('keeps those that can read the type, in plan order', () => {
    const detectors = [
      registration('b'),
      registration('a'),
      registration('z', { priority_weight: 5 }),
      registration('ocr', { capabilities: { supported_content_types: ['image'] } }),
    ];
    expect(candidatesFor('text', policy(), detectors).map(({ name }) => name)).toEqual(['z', 'a', 'b']);
  });

  it('keeps to the allow-list where there is one for the type', () => {
    const detectors = [registration('a'), registration('b')];
    const routed = policy({ content_type_routing: { text: ['b', 'gone'], image: [] } });
    expect(candidatesFor('text', routed, detectors).map(({ name }) => name)).toEqual(['b']);
  });
});

describe('who is asked by the static policy', () => {
  it('asks the required first, in order of priority then name, and optional ones second', () => {
    const plan = planOf({
      policy: {
        required_detectors: ['b', 'a', 'c'],
        optional_detectors: ['e', 'd'],
        priority_weights: { d: 0.5 },
      },
      registrations: ['e', 'd', 'c', 'b', 'a', 'other'].map((name) =>
        registration(name, { priority_weight: name === 'c' ? 9 : 1 }),
      ),
    });
    expect(plan.primary_stages).toEqual([['c', 'a', 'b']]);
    expect(plan.secondary_stages).toEqual([['e', 'd']]);
    expect(plan.detectors.map(({ name }) => name)).toEqual(['c', 'a', 'b', 'e', 'd']);
    expect(plan.coverage).toEqual({
      method: 'required_set',
      required_detectors: ['a', 'b', 'c'],
      weights: {},
      required_categories: [],
      threshold: 0.8,
    });
    expect(plan.skipped).toEqual([]);
  });

  it('joins the detectors that the request requires', () => {
    const plan = planOf({
      request: { required_detectors: ['b'] },
      policy: { optional_detectors: ['b', 'c'] },
    });
    expect(names(plan, 'primary')).toEqual(['a', 'b']);
    expect(names(plan, 'secondary')).toEqual(['c']);
    expect(plan.coverage.required_detectors).toEqual(['a', 'b']);
  });

  it('asks the weighted ones, and gives none to those the request adds', () => {
    const plan = planOf({
      request: { required_detectors: ['c'] },
      policy: weighted({ a: 0.7, b: 0.3, z: 0 }),
    });
    expect(names(plan, 'primary')).toEqual(['a', 'b', 'c']);
    expect(plan.coverage.weights).toEqual({ a: 0.7, b: 0.3, z: 0 });
    expect(plan.skipped).toEqual([]);
    expect(plan.detectors.map(({ coverage_weight }) => coverage_weight)).toEqual([0.7, 0.3, 0]);
  });
});

describe('who is skipped, and still counts', () => {
  it('an excluded detector', () => {
    const plan = planOf({
      request: { excluded_detectors: ['a', 'c'] },
      policy: { required_detectors: ['a', 'b'] },
    });
    expect(names(plan, 'primary')).toEqual(['b']);
    expect(plan.skipped).toEqual([{ detector: 'a', reason: 'excluded_by_request' }]);
    expect(coverageOf(plan, [success('b', 'clean')])).toBe(0.5);
  });

  it('a required detector that cannot read the type', () => {
    const plan = planOf({
      policy: { required_detectors: ['a', 'ocr'] },
      registrations: [
        registration('a'),
        registration('ocr', { capabilities: { supported_content_types: ['image'] } }),
      ],
    });
    expect(plan.skipped).toEqual([{ detector: 'ocr', reason: 'unsupported_content_type' }]);
    expect(plan.coverage.required_detectors).toEqual(['a', 'ocr']);
  });

  it('a required or weighted detector that nobody registered', () => {
    expect(planOf({ policy: { required_detectors: ['a', 'gone'] } }).skipped).toEqual([
      { detector: 'gone', reason: 'not_registered' },
    ]);
    const plan = planOf({ policy: weighted({ a: 0.6, gone: 0.4 }) });
    expect(plan.skipped).toEqual([{ detector: 'gone', reason: 'not_registered' }]);
    expect(coverageOf(plan, [success('a', 'clean')])).toBe(0.6);
  });

  it('but not an optional one that cannot be asked', () => {
    expect(planOf({ policy: { optional_detectors: ['gone'] } }).skipped).toEqual([]);
  });
});

describe('content_type_routing', () => {
  const routing = { content_type_routing: { text: ['a', 'b'] } };

  it('takes detectors outside the list out of the request, denominator included', () => {
    const plan = planOf({
      policy: { required_detectors: ['a', 'c'], optional_detectors: ['b'], ...routing },
    });
    expect(names(plan, 'primary')).toEqual(['a']);
    expect(plan.skipped).toEqual([]);
    expect(plan.coverage.required_detectors).toEqual(['a']);
  });

  it('scales the weights of those inside to 1', () => {
    const plan = planOf({ policy: { ...weighted({ a: 0.3, b: 0.3, c: 0.4 }), ...routing } });
    expect(plan.coverage.weights).toEqual({ a: 0.5, b: 0.5 });
  });

  it('holds against the request too, and says so', () => {
    const plan = planOf({ request: { required_detectors: ['c'] }, policy: routing });
    expect(plan.skipped).toEqual([{ detector: 'c', reason: 'unsupported_content_type' }]);
    expect(plan.coverage.required_detectors).toEqual(['a', 'c']);
  });
});

describe('a decision of Rego', () => {
  it('extends the primaries', () => {
    const plan = planOf({
      policy: { optional_detectors: ['b'] },
      decision: { selected_detectors: ['b', 'c'], selection_reason: 'long text' },
    });
    expect(names(plan, 'primary')).toEqual(['a', 'b', 'c']);
    expect(plan.coverage.required_detectors).toEqual(['a']);
    expect(plan).toMatchObject({ decider: 'opa', selection_reason: 'long text', secondary_stages: [] });
  });

  it('leaves the required set alone unless it returns one', () => {
    const required = { required_detectors: ['a', 'b'] };
    expect(names(planOf({ policy: required, decision: { selected_detectors: [] } }), 'primary')).toEqual([
      'a',
      'b',
    ]);
    const narrowed = planOf({
      request: { required_detectors: ['c'] },
      policy: required,
      decision: { selected_detectors: [], required_detectors: ['b'] },
    });
    expect(names(narrowed, 'primary')).toEqual(['b', 'c']);
    expect(narrowed.coverage.required_detectors).toEqual(['b', 'c']);
  });

  it('drops picks that are not for this type of content', () => {
    const plan = planOf({
      policy: { optional_detectors: ['b'], content_type_routing: { text: ['a'] } },
      decision: { selected_detectors: ['b'] },
    });
    expect(plan.detectors.map(({ name }) => name)).toEqual(['a']);
  });

  it('may raise the threshold and never lower it', () => {
    const threshold = (min_success_fraction: number) =>
      planOf({ decision: { selected_detectors: [], coverage_requirements: { min_success_fraction } } })
        .coverage.threshold;
    expect(threshold(0.95)).toBe(0.95);
    expect(threshold(0.1)).toBe(0.8);
  });

  it('may change the method, the weights and the categories', () => {
    const byWeight = planOf({
      decision: {
        selected_detectors: [],
        coverage_method: 'weighted_coverage',
        coverage_requirements: { weights: { b: 0.75, c: 0.25 } },
      },
    });
    expect(byWeight.coverage).toMatchObject({ method: 'weighted_coverage', weights: { b: 0.75, c: 0.25 } });
    expect(names(byWeight, 'primary')).toEqual(['a', 'b', 'c']);
    const byCategory = planOf({
      decision: {
        selected_detectors: [],
        coverage_method: 'taxonomy_coverage',
        coverage_requirements: { required_taxonomy_categories: ['PII', 'HARM', 'PII'] },
      },
    });
    expect(byCategory.coverage).toMatchObject({
      method: 'taxonomy_coverage',
      required_categories: ['HARM', 'PII'],
    });
  });
});

describe('decisionFault', () => {
  const fault = (decision: Partial<SelectionDecision>, bundle: Record<string, unknown> = {}) =>
    decisionFault({ selected_detectors: [], ...decision }, ['a', 'b'], policy(bundle));

  it('finds none in a decision over what Rego was shown', () => {
    expect(fault({ selected_detectors: ['a', 'b'], required_detectors: ['b'] })).toBeNull();
    expect(fault({ selected_detectors: ['opt'] }, { optional_detectors: ['opt'] })).toBeNull();
    expect(fault({ coverage_requirements: { weights: { a: 0.7, b: 0.3000001 } } })).toBeNull();
  });

  it.each<[string, Partial<SelectionDecision>]>([
    ['selected', { selected_detectors: ['a', 'stranger'] }],
    ['required', { required_detectors: ['stranger'] }],
    ['weighted', { coverage_requirements: { weights: { a: 0.5, stranger: 0.5 } } }],
    ['named like a member of Object', { selected_detectors: ['constructor'] }],
  ])('names a detector unknown to it: %s', (_, decision) => {
    expect(fault(decision)).toMatch(/^unknown_detector: (stranger|constructor)$/);
  });

  it('refuses weights that do not sum to 1', () => {
    expect(fault({ coverage_requirements: { weights: { a: 0.7, b: 0.31 } } })).toBe(
      'weights_not_normalized: sum 1.01',
    );
    expect(fault({ coverage_method: 'weighted_coverage' })).toBe('weights_not_normalized: sum 0');
    expect(fault({ coverage_method: 'weighted_coverage' }, weighted({ a: 1 }))).toBeNull();
  });
});

describe('fallbacks of coverage', () => {
  it('replaces an empty required set by the primaries', () => {
    const plan = planOf({ decision: { selected_detectors: ['b', 'c'], required_detectors: [] } });
    expect(plan.coverage).toMatchObject({ method: 'required_set', required_detectors: ['b', 'c'] });
  });

  it('measures against the secondaries when there is nobody else', () => {
    const plan = planOf({ policy: { optional_detectors: ['b'], content_type_routing: { text: ['b'] } } });
    expect(plan.primary_stages).toEqual([]);
    expect(plan.coverage.required_detectors).toEqual(['b']);
  });

  it('takes the categories of the primaries where none are required, excluded ones included', () => {
    const registrations = [
      registration('a', { capabilities: { taxonomy_categories: ['PII', 'HARM'] } }),
      registration('b', { capabilities: { taxonomy_categories: ['BIAS', 'PII'] } }),
      registration('c', { capabilities: { taxonomy_categories: ['OTHER'] } }),
    ];
    const bundle = { ...taxonomy(), required_detectors: ['a', 'b'], optional_detectors: ['c'] };
    const plan = planOf({ registrations, policy: bundle, request: { excluded_detectors: ['b'] } });
    expect(plan.coverage).toMatchObject({
      method: 'taxonomy_coverage',
      required_categories: ['BIAS', 'HARM', 'PII'],
    });
  });

  it('is the required set where nobody declares a category', () => {
    expect(planOf({ policy: taxonomy([]) }).coverage).toMatchObject({
      method: 'required_set',
      required_detectors: ['a'],
    });
  });

  it('is the required set where routing leaves no weight', () => {
    const plan = planOf({
      policy: { ...weighted({ a: 1 }), optional_detectors: ['b'], content_type_routing: { text: ['b'] } },
    });
    expect(plan.coverage).toMatchObject({ method: 'required_set', weights: {}, required_detectors: ['b'] });
  });
});

describe('dependencies', () => {
  const registrations = [
    registration('a', { depends_on: ['lang', 'elsewhere'] }),
    registration('b', { priority_weight: 3 }),
    registration('lang', { depends_on: ['base'] }),
    registration('base'),
  ];

  it('brings the candidates along that a detector depends on, in groups before it', () => {
    const plan = planOf({
      registrations,
      policy: { required_detectors: ['a', 'b'], optional_detectors: ['lang'] },
    });
    expect(plan.primary_stages).toEqual([['b', 'base'], ['lang'], ['a']]);
    expect(plan.detectors.map(({ name }) => name)).toEqual(['b', 'base', 'lang', 'a']);
    expect(plan.detectors.at(-1)?.depends_on).toEqual(['lang']);
    expect(plan.secondary_stages).toEqual([]);
    expect(plan.coverage.required_detectors).toEqual(['a', 'b']);
  });

  it('keeps a dependency on a skipped detector, so that the dependent fails with it', () => {
    const plan = planOf({ registrations, request: { excluded_detectors: ['lang'] } });
    expect(plan.skipped).toEqual([{ detector: 'lang', reason: 'excluded_by_request' }]);
    expect(plan.detectors.find(({ name }) => name === 'a')?.depends_on).toEqual(['lang']);
  });

  it('refuses a cycle', () => {
    const circular = [registration('a', { depends_on: ['b'] }), registration('b', { depends_on: ['a'] })];
    expect(() => planOf({ registrations: circular })).toThrow(DependencyCycleError);
  });
});

describe('what the plan tells the workers', () => {
  it('takes timeouts, retries and priorities of the bundle before those of the registry', () => {
    const registrations = [
      registration('a', {
        timeout_ms: 700,
        max_retries: 1,
        priority_weight: 4,
        version: '2.1',
        detector_id: 'a-at-home',
        pool: 'gpu',
        label_severity: { toxic: 60 },
        params: { threshold: 0.5 },
      }),
    ];
    const own = planOf({ registrations }).detectors[0];
    expect(own).toMatchObject({
      version: '2.1',
      timeout_ms: 700,
      max_retries: 1,
      priority_weight: 4,
      bundle_priority: null,
      pool: 'gpu',
      label_severity: { toxic: 60 },
      call: {
        detector_id: 'a-at-home',
        params: { threshold: 0.5 },
        http: null,
        endpoint: 'http://127.0.0.1/a',
      },
    });
    const bundle = { timeout_config: { a: 300 }, retry_config: { a: 0 }, priority_weights: { a: 2 } };
    expect(planOf({ registrations, policy: bundle }).detectors[0]).toMatchObject({
      timeout_ms: 300,
      max_retries: 0,
      priority_weight: 2,
      bundle_priority: 2,
    });
  });

  it('does not mistake members of Object for settings', () => {
    const detector = planOf({
      registrations: [registration('constructor')],
      policy: { required_detectors: ['constructor'] },
    }).detectors[0];
    expect(detector).toMatchObject({
      timeout_ms: 5000,
      max_retries: 2,
      priority_weight: 1,
      bundle_priority: null,
    });
  });

  it('settles the strategy: override of the type, bundle, default of the type', () => {
    const conflict = (bundle: Record<string, unknown>) => planOf({ policy: bundle }).conflict;
    const overrides = { conflict_resolution_overrides: { text: 'majority_vote', code: 'most_restrictive' } };
    expect(conflict({})).toMatchObject({ strategy: 'weighted_average', decided_by: 'content_type_default' });
    expect(conflict({ conflict_resolution: 'tenant_preference' })).toMatchObject({
      strategy: 'tenant_preference',
      decided_by: 'bundle',
    });
    expect(conflict({ conflict_resolution: 'tenant_preference', ...overrides })).toMatchObject({
      strategy: 'majority_vote',
      decided_by: 'bundle_override',
    });
  });

  it('adds the benign labels of the tenant to those of the contract', () => {
    const labels = ['clean', 'safe', 'none', 'no_pii', 'ok', 'benign'];
    expect(planOf({}).conflict.benign_labels).toEqual(labels);
    const custom = { policy_data: { benign_labels: ['fine', 'ok', 7] } };
    expect(planOf({ policy: custom }).conflict.benign_labels).toEqual([...labels, 'fine']);
  });

  it('goes to the pool lane for a detector with a pool, or when too slow in all', () => {
    const slow = { capabilities: { average_processing_time_ms: 800 } };
    const registrations = [registration('a', slow), registration('b', { ...slow, depends_on: ['a'] })];
    const both = { required_detectors: ['a', 'b'] };
    expect(planOf({ registrations, policy: both }).lane).toBe('fast');
    expect(planOf({ registrations, policy: both, settings: { fastLaneLimitMs: 1600 } }).lane).toBe('fast');
    expect(planOf({ registrations, policy: both, settings: { fastLaneLimitMs: 1599 } }).lane).toBe('pool');
    expect(planOf({ registrations: [registration('a', { pool: 'gpu' })] }).lane).toBe('pool');
    expect(planOf({ registrations: [registration('a'), registration('b', { pool: 'gpu' })] }).lane).toBe(
      'fast',
    );
  });

  it('maps as the bundle says, else as the service does', () => {
    const enabled = (mappingEnabled: boolean, auto_map_results?: boolean) =>
      planOf({ policy: { auto_map_results }, settings: { mappingEnabled } }).mapping.enabled;
    expect([enabled(true), enabled(false), enabled(true, false), enabled(false, true)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('carries the identity of policy and request', () => {
    expect(planOf({ policy: { version: '1.4', allow_async_conversion: false } })).toMatchObject({
      tenant_id: 'acme',
      policy_bundle: 'default',
      policy_version: '1.4',
      policy_digest: 'digest',
      environment: 'prod',
      content_type: 'text',
      priority: 'high',
      rego: { coverage: true, conflict: false },
      mapping: { budget_ms: 500 },
      allow_async_conversion: false,
      max_concurrent_detectors: 10,
      version_info: { taxonomy: '3.0', frameworks: '2.0', model: 'none', policy: 'default:1.4' },
    });
  });
});

describe('any plan', () => {
  const detectorNames = ['a', 'b', 'c', 'd', 'e'];
  const subset = fc.subarray(detectorNames);
  const registries = fc
    .tuple(
      ...detectorNames.map((name, i) =>
        fc.record({
          types: fc.subarray(['text', 'image'] as const, { minLength: 1 }),
          priority_weight: fc.constantFrom(1, 2),
          depends_on: fc.subarray(detectorNames.slice(0, i)),
          taxonomy_categories: fc.subarray(['PII', 'HARM']),
          registered: fc.boolean(),
          name: fc.constant(name),
        }),
      ),
    )
    .map((entries) =>
      entries
        .filter(({ registered }) => registered)
        .map(({ name, types, priority_weight, depends_on, taxonomy_categories }) =>
          registration(name, {
            priority_weight,
            depends_on,
            capabilities: { supported_content_types: types, taxonomy_categories },
          }),
        ),
    );
  const inputs = fc.record({
    registrations: registries,
    required: subset.filter((list) => list.length > 0),
    optional: subset,
    routing: fc.option(subset, { nil: undefined }),
    method: fc.constantFrom('required_set', 'weighted_coverage', 'taxonomy_coverage'),
    requestRequired: subset,
    excluded: subset,
    selected: fc.option(subset, { nil: undefined }),
  });

  const planFrom = (input: typeof inputs extends fc.Arbitrary<infer T> ? T : never) =>
    planOf({
      registrations: input.registrations,
      policy: {
        required_detectors: input.required,
        optional_detectors: input.optional.filter((name) => !input.required.includes(name)),
        coverage_calculation: {
          calculation_method: input.method,
          weighted_requirements: { a: 0.5, c: 0.25, e: 0.25 },
        },
        content_type_routing: input.routing ? { text: input.routing } : {},
      },
      request: {
        required_detectors: input.requestRequired,
        excluded_detectors: input.excluded.filter((name) => !input.requestRequired.includes(name)),
      },
      decision: input.selected && { selected_detectors: input.selected },
    });

  it('names each detector once, and calls none that is excluded, unregistered or unable', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const plan = planFrom(input);
        const called = plan.detectors.map(({ name }) => name);
        const all = [...called, ...plan.skipped.map(({ detector }) => detector)];
        expect(new Set(all).size).toBe(all.length);
        expect([...plan.primary_stages, ...plan.secondary_stages].flat()).toEqual(called);
        for (const name of called) {
          const detector = input.registrations.find((r) => r.name === name);
          expect(detector?.capabilities.supported_content_types).toContain('text');
          if (input.routing) expect(input.routing).toContain(name);
          expect(plan.coverage.threshold).toBe(0.8);
        }
        for (const name of input.excluded) {
          if (!input.requestRequired.includes(name)) expect(called).not.toContain(name);
        }
      }),
    );
  });

  it('gains no coverage by an exclusion', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const covered = (plan: ReturnType<typeof planOf>) =>
          coverageOf(
            plan,
            plan.detectors.map(({ name }) => success(name, 'clean')),
          );
        const open = planFrom({ ...input, excluded: [] });
        const closed = planFrom(input);
        expect(closed.coverage).toEqual(open.coverage);
        expect(covered(closed)).toBeLessThanOrEqual(covered(open));
      }),
    );
  });

  it('is the same for any order of registrations and lists', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const reversed = {
          ...input,
          registrations: input.registrations.toReversed(),
          requestRequired: input.requestRequired.toReversed(),
          excluded: input.excluded.toReversed(),
          selected: input.selected?.toReversed(),
        };
        expect(JSON.stringify(planFrom(reversed))).toBe(JSON.stringify(planFrom(input)));
      }),
    );
  });

  it('survives JSON, as the input of a workflow must', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const plan = planFrom(input);
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      }),
    );
  });
});

describe('Content over what a detector takes', () => {
  it('is what its protocol takes at most, or less', () => {
    const most = (max_content_length: number, content_type: 'text' | 'image' = 'text') =>
      planOf({
        request: { content_type },
        registrations: [
          registration('a', {
            protocol: 'azure-content-safety',
            capabilities: { supported_content_types: ['text', 'image'], max_content_length },
          }),
        ],
      }).detectors[0]!.max_content_length;
    expect([most(50_000), most(500), most(50_000, 'image')]).toEqual([10_000, 500, 50_000]);
  });

  const longContent = (overrides: Record<string, unknown>, contentType: 'text' | 'image' = 'text') =>
    planOf({
      request: { content_type: contentType },
      registrations: [
        registration('a', { capabilities: { supported_content_types: ['text', 'image'] }, ...overrides }),
      ],
    }).detectors[0]!.long_content;
  const mapping = (response: object) => ({ protocol: 'http-json', http: { request: {}, response } });

  it('is split where findings add up, unless the registration says otherwise', () => {
    expect(longContent({})).toBe('split');
    expect(longContent({ long_content: 'skip' })).toBe('skip');
    expect(longContent(mapping({ findings: '/f', label: '/l' }))).toBe('split');
  });

  it('is not split for one verdict, nor when it is an image', () => {
    expect(longContent({ protocol: 'conclave' })).toBe('skip');
    expect(longContent(mapping({ label: '/l' }))).toBe('skip');
    expect(longContent({}, 'image')).toBe('skip');
  });
});
