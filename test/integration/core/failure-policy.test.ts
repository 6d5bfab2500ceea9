import type { OrchestrationResponse } from '../../../src/contract/answer';
import type { FailureCause } from '../../../src/contract/enums';
import type { FailureRule } from '../../../src/contract/failure-policy';
import { eventually } from '../../support/eventually';
import { type Behavior, closes, flags, hangs, raw, status } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System } from '../../support/system';

/** How a detector of each family comes to fail for each cause. */
const faults: readonly [name: string, cause: FailureCause, behavior: Behavior][] = [
  ['500', 'outage', status(500)],
  ['503', 'outage', status(503)],
  ['closed connections', 'outage', closes],
  ['silence', 'timeout', hangs],
  ['408', 'timeout', status(408)],
  ['504', 'timeout', status(504)],
  ['429', 'overload', status(429, { 'retry-after': '0' })],
  ['401', 'credentials', status(401)],
  ['403', 'credentials', status(403)],
  ['400', 'bad_request', status(400)],
  ['404', 'bad_request', status(404)],
  ['422', 'bad_request', status(422)],
  ['HTML', 'unparsable', raw('<html></html>', 'text/html')],
  ['an answer of another kind', 'unparsable', raw('{"hello": "world"}')],
  ['a redirect', 'unparsable', status(302, { location: '/health' })],
];

const families = ['batch', 'verdict', 'mapped'] as const;
const capabilities = (...taxonomy_categories: string[]) => ({
  capabilities: { supported_content_types: ['text' as const], taxonomy_categories },
  max_retries: 0,
  timeout_ms: 300,
});
const bundle = (failure_policy: FailureRule[] | undefined, ...required_detectors: string[]) => ({
  policy: { required_detectors, ...(failure_policy && { failure_policy }) },
});
const everyCause = [{ action: 'fail_open' as const }];

describe('The failure policy', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      detectors: [
        'steady',
        { name: 'batch', ...capabilities('PII') },
        { name: 'verdict', protocol: 'conclave', ...capabilities('PII.Contact') },
        {
          name: 'mapped',
          protocol: 'http-json',
          ...capabilities('HARM'),
          http: { request: { content: '{{content}}' }, response: { label: '/label' } },
        },
        { name: 'reserve', ...capabilities('PII') },
        { name: 'ill', health_check_path: '/health/ill', ...capabilities('PII') },
      ],
      policies: {
        'demo/closed': bundle(undefined, 'steady', ...families),
        'demo/open': bundle(everyCause, 'steady', ...families),
        'demo/ill': bundle(everyCause, 'steady', 'ill'),
        'demo/outage-only': bundle([{ causes: ['outage'], action: 'fail_open' }], 'steady', 'batch'),
        'demo/by-category': bundle(
          [{ categories: ['PII'], action: 'human_review' }, { action: 'fail_open' }],
          'steady',
          ...families,
        ),
        'demo/by-name': bundle([{ detectors: ['batch'], action: 'fail_open' }], 'steady', 'batch', 'mapped'),
        'demo/review': {
          policy: {
            ...bundle([{ action: 'human_review' }], 'steady', 'batch').policy,
            coverage_calculation: { calculation_method: 'required_set', partial_coverage_threshold: 0.5 },
          },
        },
        'demo/secondary': {
          policy: {
            ...bundle([{ action: 'secondary' }], 'steady', 'verdict', 'mapped').policy,
            optional_detectors: ['reserve'],
          },
        },
        'demo/lone': bundle(everyCause, 'batch'),
      },
      env: {
        ...patience,
        ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
        ORCHESTRATION_ORCHESTRATION__HEALTH_CHECK_INTERVAL_SECONDS: '0.2',
        ORCHESTRATION_ORCHESTRATION__SUSPECT_PROBE_INTERVAL_SECONDS: '0.2',
        ORCHESTRATION_ORCHESTRATION__RECOVERY_CHECK_INTERVAL_SECONDS: '0.2',
      },
    });
    await system.orchestrate({ policy_bundle: 'closed' });
  });
  beforeEach(() => {
    system.detectors.reset();
    system.detectors
      .behave('verdict', raw('{"output": "clean"}'))
      .behave('mapped', raw('{"label": "clean"}'));
  });
  afterAll(() => system?.stop());

  const ask = (policy_bundle: string) => system.orchestrate({ policy_bundle });
  const result = ({ detector_results: results }: OrchestrationResponse, name: string) =>
    results.find(({ detector }) => detector === name);

  async function auditOf(requestId: string): Promise<Record<string, unknown>> {
    const find = 'select record from audit where request_id = $1';
    const { rows } = await system.db.query<{ record: Record<string, unknown> }>(find, [requestId]);
    return rows[0]!.record;
  }

  describe.each(families)('for a detector of the %s family', (family) => {
    it.each(faults)('takes %s for %s, and closes by default', async (_name, cause, behavior) => {
      system.detectors.behave(family, behavior);
      const { status: code, body } = await ask('closed');
      const applied = [{ detector: family, cause, action: 'fail_closed', stand_in: null }];
      expect([code, body.error_code, body.coverage_achieved]).toEqual([206, 'PARTIAL_COVERAGE', 0.75]);
      expect(result(body, family)).toMatchObject({ failure_cause: cause });
      expect(body.failure_policy).toEqual(applied);
      expect(await auditOf(body.request_id)).toMatchObject({
        failure_policy: applied,
        results: expect.arrayContaining([
          expect.objectContaining({ detector: family, failure_cause: cause }),
        ]),
      });
    });

    it.each(faults)(
      'opens after %s where the bundle says so: never after a refused credential',
      async (_name, cause, behavior) => {
        system.detectors.behave(family, behavior);
        const { status: code, body } = await ask('open');
        const opens = cause !== 'credentials';
        expect(code).toBe(opens ? 200 : 206);
        expect(body.coverage_achieved).toBe(0.75);
        expect(body.failure_policy).toEqual([
          { detector: family, cause, action: opens ? 'fail_open' : 'fail_closed', stand_in: null },
        ]);
        expect(body.fallback_used).toBe(true);
        expect(body.fallback_reasons).toEqual(opens ? ['failure_policy'] : ['partial_coverage']);
      },
    );
  });

  it('is of no account where nothing failed', async () => {
    const { status: code, body } = await ask('open');
    expect([code, body.fallback_used, 'failure_policy' in body]).toEqual([200, false, false]);
    for (const { failure_cause } of body.detector_results) expect(failure_cause).toBeUndefined();
  });

  it('opens for the causes that it names, and closes for the others', async () => {
    system.detectors.behave('batch', status(500));
    expect((await ask('outage-only')).status).toBe(200);
    system.detectors.behave('batch', status(400));
    expect((await ask('outage-only')).status).toBe(206);
  });

  it('goes by the category that a detector declares, or one above it; the first rule that fits decides', async () => {
    system.detectors.behave('verdict', status(500));
    const personal = await ask('by-category');
    expect([personal.status, personal.body.failure_policy?.[0]?.action]).toEqual([206, 'human_review']);
    system.detectors.behave('verdict', raw('{"output": "clean"}')).behave('mapped', status(500));
    const harm = await ask('by-category');
    expect([harm.status, harm.body.failure_policy?.[0]?.action]).toEqual([200, 'fail_open']);
  });

  it('goes by the name of a detector', async () => {
    system.detectors.behave('batch', status(500));
    expect((await ask('by-name')).status).toBe(200);
    system.detectors.behave('batch', flags('odd', 0.9)).behave('mapped', status(500));
    expect((await ask('by-name')).status).toBe(206);
  });

  it('sends what wants a person to one, even with enough coverage', async () => {
    system.detectors.behave('batch', status(500));
    const { status: code, body } = await ask('review');
    expect([code, body.coverage_achieved]).toEqual([206, 0.5]);
    expect(body.fallback_reasons).toEqual(['partial_coverage', 'failure_policy']);
    expect(body.failure_policy).toEqual([
      { detector: 'batch', cause: 'outage', action: 'human_review', stand_in: null },
    ]);
  });

  it('lets a secondary make good what it looks for, and nothing else', async () => {
    system.detectors.behave('verdict', status(500));
    const stoodIn = await ask('secondary');
    expect(stoodIn.status).toBe(200);
    expect(stoodIn.body.failure_policy).toEqual([
      { detector: 'verdict', cause: 'outage', action: 'secondary', stand_in: 'reserve' },
    ]);
    expect(stoodIn.body.fallback_reasons).toEqual(['secondary_detectors', 'failure_policy']);
    system.detectors.behave('verdict', raw('{"output": "clean"}')).behave('mapped', status(500));
    const other = await ask('secondary');
    expect([other.status, other.body.failure_policy?.[0]?.stand_in]).toEqual([206, null]);
    system.detectors
      .behave('verdict', status(500))
      .behave('mapped', raw('{"label": "clean"}'))
      .behave('reserve', status(500));
    expect((await ask('secondary')).status).toBe(206);
  });

  it('takes a detector that is known to be unhealthy for an outage', async () => {
    const healthy = async (is: boolean) => {
      system.detectors.setHealthy('ill', is);
      await eventually(
        async () =>
          (await system.request<{ is_healthy: boolean }>('GET', '/detectors/ill/health')).body.is_healthy,
        (now) => now === is,
      );
    };
    await healthy(false);
    const { status: code, body } = await ask('ill');
    await healthy(true);
    expect([code, result(body, 'ill')?.error]).toEqual([200, 'unhealthy']);
    expect(body.failure_policy).toEqual([
      { detector: 'ill', cause: 'outage', action: 'fail_open', stand_in: null },
    ]);
  });

  it('opens nothing when nobody has judged', async () => {
    system.detectors.behave('batch', status(500));
    expect((await ask('lone')).status).toBe(502);
  });

  it('keeps no answer that it let pass', async () => {
    system.detectors.behave('batch', status(500));
    const content = 'the same text again';
    const first = await system.orchestrate({ policy_bundle: 'open', content });
    system.detectors.behave('batch', flags('odd', 0.9));
    const second = await system.orchestrate({ policy_bundle: 'open', content });
    expect([
      first.body.fallback_used,
      second.headers.get('x-cache'),
      result(second.body, 'batch')?.output,
    ]).toEqual([true, 'MISS', 'odd']);
  });
});
