import {
  type ErrorResponse,
  errorResponseSchema,
  orchestrationResponseSchema,
} from '../../../src/contract/answer';
import { eventually } from '../../support/eventually';
import { about, closes, flags, hangs, raw, status } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System } from '../../support/system';

const five = ['v1', 'v2', 'v3', 'v4', 'v5'];
const probed = (name: string) => ({
  name,
  health_check_path: `/health/${name}`,
  max_retries: 0,
});
const categories = (...taxonomy_categories: string[]) => ({
  capabilities: { supported_content_types: ['text' as const], taxonomy_categories },
});
const weighted = { heavy: 0.5, middle: 0.3, light: 0.2 };

const bundles = {
  'demo/five': { policy: { required_detectors: five } },
  'demo/strict': {
    policy: {
      required_detectors: five,
      coverage_calculation: { calculation_method: 'required_set', partial_coverage_threshold: 1 },
    },
  },
  'demo/weighted': {
    policy: {
      required_detectors: [],
      coverage_calculation: { calculation_method: 'weighted_coverage', weighted_requirements: weighted },
    },
  },
  'demo/taxonomy': {
    policy: {
      required_detectors: ['privacy', 'names', 'harm'],
      coverage_calculation: {
        calculation_method: 'taxonomy_coverage',
        required_taxonomy_categories: ['PII.Contact', 'HARM.SPEECH', 'BIAS'],
      },
    },
  },
  'demo/short': { policy: { required_detectors: ['v1', 'short'] } },
  'demo/parted': { policy: { required_detectors: ['parted'] } },
  'demo/pair': { policy: { required_detectors: ['v1', 'v2'] } },
  'demo/ghost': { policy: { required_detectors: ['v1', 'not-registered'] } },
  'demo/stand-in': { policy: { required_detectors: ['v1', 'v2'], optional_detectors: ['v3'] } },
} as const satisfies Record<string, unknown>;

type Options = NonNullable<Parameters<typeof System.start>[0]>;

describe('Coverage', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      detectors: [
        ...five.map(probed),
        ...Object.keys(weighted).map(probed),
        { ...probed('privacy'), ...categories('PII') },
        { ...probed('names'), ...categories('PII.Name') },
        { ...probed('harm'), ...categories('HARM') },
        {
          ...probed('short'),
          long_content: 'skip',
          capabilities: { supported_content_types: ['text'], max_content_length: 10 },
        },
        { ...probed('parted'), capabilities: { supported_content_types: ['text'], max_content_length: 10 } },
      ],
      policies: bundles as unknown as NonNullable<Options['policies']>,
      env: {
        ...patience,
        ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
        ORCHESTRATION_ORCHESTRATION__HEALTH_CHECK_INTERVAL_SECONDS: '0.2',
        ORCHESTRATION_ORCHESTRATION__SUSPECT_PROBE_INTERVAL_SECONDS: '0.2',
        ORCHESTRATION_ORCHESTRATION__RECOVERY_CHECK_INTERVAL_SECONDS: '0.2',
      },
    });
    // The first request pays for what a process does once.
    await system.orchestrate({ policy_bundle: 'pair' });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  async function ask(policy_bundle: string, overrides: Readonly<Record<string, unknown>> = {}) {
    const sent = await system.orchestrate({ policy_bundle, ...overrides });
    const body = orchestrationResponseSchema.parse(sent.body);
    return { ...sent, body, tokens: tokensOf(body.detector_results) };
  }

  function tokensOf(results: readonly { detector: string; status: string; error: string | null }[]) {
    return Object.fromEntries(
      results.map((result) => [result.detector, result.error?.split(':')[0] ?? result.status]),
    );
  }

  function fail(...names: string[]): void {
    for (const name of names) system.detectors.behave(name, status(500));
  }

  describe('below the threshold', () => {
    it('answers 206 PARTIAL_COVERAGE with the results and the payload [C.2]', async () => {
      fail('v4', 'v5');
      system.detectors.behave('v1', flags('toxic', 0.9));
      const { status: code, body } = await ask('five');
      expect(code).toBe(206);
      expect(body).toMatchObject({
        error_code: 'PARTIAL_COVERAGE',
        fallback_used: true,
        fallback_reasons: ['partial_coverage'],
        coverage_achieved: 0.6,
        detectors_attempted: 5,
        detectors_succeeded: 3,
        detectors_failed: 2,
        job_id: null,
        processing_mode: 'sync',
      });
      expect(body.detector_results).toHaveLength(5);
      expect(body.aggregated_payload).toMatchObject({
        output: 'toxic|clean',
        metadata: { coverage_achieved: 0.6, contributing_detectors: ['v1', 'v2', 'v3'] },
      });
    });

    it('is where a threshold of 1 puts every failure [C.2]', async () => {
      fail('v5');
      const { status: code, body } = await ask('strict');
      expect([code, body.coverage_achieved]).toEqual([206, 0.8]);
    });
  });

  it('at the threshold answers 200, even below 1.0 [C.2]', async () => {
    fail('v5');
    const { status: code, body } = await ask('five');
    expect(code).toBe(200);
    expect(body).toMatchObject({
      coverage_achieved: 0.8,
      error_code: null,
      fallback_used: false,
      fallback_reasons: [],
      detectors_failed: 1,
    });
  });

  describe('by weights', () => {
    it.each([
      { failing: [], coverage: 1, code: 200 },
      { failing: ['light'], coverage: 0.8, code: 200 },
      { failing: ['middle'], coverage: 0.7, code: 206 },
      { failing: ['heavy'], coverage: 0.5, code: 206 },
      { failing: ['heavy', 'middle'], coverage: 0.2, code: 206 },
    ])('$failing failing leaves $coverage: $code [C.2] [7.1]', async ({ failing, coverage, code }) => {
      fail(...failing);
      const sent = await ask('weighted');
      expect([sent.status, sent.body.coverage_achieved]).toEqual([code, coverage]);
      expect(sent.body.routing_decision).toMatchObject({
        coverage_method: 'weighted_coverage',
        coverage_requirements: weighted,
      });
    });
  });

  describe('by taxonomy', () => {
    it('counts a category that a success declares, or an ancestor of it, whatever was found [C.2]', async () => {
      const { status: code, body } = await ask('taxonomy');
      expect(code).toBe(206);
      expect(body.coverage_achieved).toBeCloseTo(2 / 3, 6);
      expect(body.routing_decision.coverage_requirements).toEqual({
        BIAS: 1,
        'HARM.SPEECH': 1,
        'PII.Contact': 1,
      });
    });

    it('does not count a sibling in its place [C.2]', async () => {
      fail('privacy');
      expect((await ask('taxonomy')).body.coverage_achieved).toBeCloseTo(1 / 3, 6);
    });
  });

  describe('has a denominator that nothing shrinks', () => {
    it('not exclusion by the request [C.2]', async () => {
      const { status: code, body, tokens } = await ask('five', { excluded_detectors: ['v2', 'v3'] });
      expect(code).toBe(206);
      expect(tokens).toMatchObject({ v2: 'excluded_by_request', v3: 'excluded_by_request', v1: 'success' });
      expect(body).toMatchObject({ coverage_achieved: 0.6, detectors_attempted: 3, detectors_failed: 0 });
      expect(body.detector_results.filter((result) => result.status === 'skipped')).toHaveLength(2);
      expect(body.detector_results.slice(-2).map(({ detector }) => detector)).toEqual(['v2', 'v3']);
      expect(system.detectors.callsOf('v2')).toHaveLength(0);
    });

    it('not content that is too long for a detector, counted in code points', async () => {
      const fits = await ask('short', { content: '👩🏽👩🏽👩🏽👩🏽👩🏽' });
      expect([fits.status, fits.tokens]).toEqual([200, { v1: 'success', short: 'success' }]);
      const tooLong = await ask('short', { content: '12345678901' });
      expect([tooLong.status, tooLong.tokens]).toEqual([206, { v1: 'success', short: 'content_too_long' }]);
      expect(tooLong.body).toMatchObject({ coverage_achieved: 0.5, detectors_attempted: 1 });
      expect(system.detectors.callsOf('short')).toHaveLength(1);
    });

    it('content in parts, where the detector takes it so: every part, or it does not count', async () => {
      const content = 'One two. Toxic! Three four. Five six.';
      system.detectors.behave('parted', flags('toxic', 0.9));
      const whole = await ask('parted', { content });
      const sent = system.detectors.callsOf('parted').flatMap(({ contents }) => contents);
      expect(sent.length).toBeGreaterThan(3);
      expect(sent.every((part) => part.length <= 10)).toBe(true);
      expect([whole.status, whole.body.coverage_achieved]).toEqual([200, 1]);
      expect(whole.body.detector_results[0]).not.toHaveProperty('unjudged');

      system.detectors.behave('parted', about('Toxic', status(422), flags('toxic', 0.9)));
      const other = `${content} Seven.`;
      const gap = await ask('parted', { content: other });
      expect([gap.status, gap.body.coverage_achieved]).toEqual([206, 0]);
      const [result] = gap.body.detector_results;
      expect(result).toMatchObject({ status: 'success', output: 'toxic' });
      expect(result!.unjudged!.every(({ reason }) => reason === 'part_failed')).toBe(true);
      for (const { start, end } of result!.unjudged!) expect(other.slice(start!, end!)).toContain('Toxic');
    });

    it('not a detector that is not registered', async () => {
      const { status: code, body, tokens } = await ask('ghost');
      expect([code, tokens]).toEqual([206, { v1: 'success', 'not-registered': 'not_registered' }]);
      expect(body).toMatchObject({ coverage_achieved: 0.5, detectors_attempted: 2, detectors_failed: 1 });
    });

    it('not content of a type that a detector does not read', async () => {
      const sent = await system.orchestrate<ErrorResponse>({
        policy_bundle: 'pair',
        content_type: 'code',
      });
      expect(sent.status).toBe(502);
      expect(sent.body.error_code).toBe('ALL_DETECTORS_UNAVAILABLE');
      expect(tokensOf(sent.body.response!.detector_results)).toEqual({
        v1: 'unsupported_content_type',
        v2: 'unsupported_content_type',
      });
    });
  });

  describe('with detectors that are known to be unhealthy', () => {
    async function setHealthy(name: string, healthy: boolean): Promise<void> {
      system.detectors.setHealthy(name, healthy);
      await eventually(
        async () =>
          (await system.request<{ is_healthy: boolean }>('GET', `/detectors/${name}/health`)).body.is_healthy,
        (is) => is === healthy,
      );
    }
    afterEach(() => Promise.all(['v1', 'v2'].map((name) => setHealthy(name, true))));

    it('reports them unavailable without a call, and uses them again once they are back [4]', async () => {
      await setHealthy('v2', false);
      const without = await ask('pair');
      expect([without.status, without.tokens]).toEqual([206, { v1: 'success', v2: 'unhealthy' }]);
      expect(without.body.detector_results[1]).toMatchObject({ status: 'unavailable', output: null });
      expect(without.body.routing_decision).toMatchObject({
        selected_detectors: ['v1', 'v2'],
        health_status: { v1: true, v2: false },
      });
      expect(system.detectors.callsOf('v2')).toHaveLength(0);
      await setHealthy('v2', true);
      expect((await ask('pair')).tokens).toEqual({ v1: 'success', v2: 'success' });
    });

    it('answers 502 ALL_DETECTORS_UNAVAILABLE when none can add coverage, and calls nobody [C.4]', async () => {
      await Promise.all(['v1', 'v2'].map((name) => setHealthy(name, false)));
      const sent = await system.orchestrate<ErrorResponse>({ policy_bundle: 'stand-in' });
      expect(sent.status).toBe(502);
      expect(errorResponseSchema.parse(sent.body)).toMatchObject({
        error_code: 'ALL_DETECTORS_UNAVAILABLE',
        retryable: true,
        fallback_used: true,
      });
      // v3 is well, but as a secondary it cannot add to a required set.
      expect(tokensOf(sent.body.response!.detector_results)).toEqual({
        v1: 'unhealthy',
        v2: 'unhealthy',
        v3: 'dependency_failed',
      });
      expect(system.detectors.calls).toHaveLength(0);
    });
  });
});

describe('The circuit breaker', () => {
  const kinds = {
    'fails-500': status(500),
    'fails-html': raw('<html>', 'text/html'),
    'fails-socket': closes,
  };
  const harmless = { 'says-400': status(400), 'says-429': status(429) };
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      detectors: ['steady', ...Object.keys(kinds), ...Object.keys(harmless), 'fails-slowly'].map((name) => ({
        name,
        max_retries: 0,
        ...(name === 'fails-slowly' ? { timeout_ms: 100 } : {}),
      })),
      policies: { 'demo/default': { policy: { required_detectors: ['steady'] } } },
      env: { ...patience, ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS: '3' },
    });
    for (const [name, behavior] of Object.entries({ ...kinds, ...harmless, 'fails-slowly': hangs })) {
      system.detectors.behave(name, behavior);
    }
    // The first request pays for what a process does once.
    await system.orchestrate();
  });
  afterAll(() => system?.stop());

  async function ask(name: string) {
    const { status: code, body } = await system.orchestrate({ required_detectors: [name] });
    // Nothing but the detector in question may be in the way.
    expect([`200 null`, `206 PARTIAL_COVERAGE`]).toContain(`${code} ${body.error_code}`);
    return body.detector_results.find(({ detector }) => detector === name)!;
  }

  async function breakerOf(name: string): Promise<string> {
    const { body } = await system.request<{ circuit_breaker_state: string }>(
      'GET',
      `/detectors/${name}/health`,
    );
    return body.circuit_breaker_state;
  }

  it.each([...Object.keys(kinds), 'fails-slowly'])(
    '%s five times and is refused as circuit_open, without a call [4.2] [14.2]',
    async (name) => {
      for (let call = 0; call < 5; call++) {
        expect(await breakerOf(name)).toBe('closed');
        expect(['failed', 'timeout']).toContain((await ask(name)).status);
      }
      expect(await breakerOf(name)).toBe('open');
      const called = system.detectors.callsOf(name).length;
      expect(await ask(name)).toMatchObject({ status: 'unavailable', error: 'circuit_open', output: null });
      expect(system.detectors.callsOf(name)).toHaveLength(called);
    },
  );

  it.each(Object.keys(harmless))('%s as often as it likes and stays in use [4.2]', async (name) => {
    for (let call = 0; call < 6; call++) expect((await ask(name)).status).toBe('failed');
    expect(await breakerOf(name)).toBe('closed');
    expect(system.detectors.callsOf(name)).toHaveLength(6);
  });

  it('closes again after three trials that succeed [4.2] [14.2]', async () => {
    // Half-open as soon as its time is up.
    expect(['open', 'half_open']).toContain(await breakerOf('fails-500'));
    system.detectors.behave('fails-500', flags('toxic', 0.9));
    await eventually(
      () => ask('fails-500'),
      (result) => result.status === 'success',
    );
    expect(await breakerOf('fails-500')).toBe('half_open');
    expect((await ask('fails-500')).status).toBe('success');
    expect((await ask('fails-500')).status).toBe('success');
    expect(await breakerOf('fails-500')).toBe('closed');
  });
});
