import { orchestrationResponseSchema } from '../../../src/contract/answer';
import type { BreakerInfo } from '../../../src/contract/breaker-api';
import type { ErrorResponse } from '../../../src/contract/answer';
import {
  type Behavior,
  closes,
  FakeDetectors,
  flags,
  hangs,
  raw,
  status,
} from '../../support/fake-detectors';
import { forgetful, patience } from '../../support/patience';
import { System } from '../../support/system';

const capabilities = { supported_content_types: ['text' as const], taxonomy_categories: ['PII'] };
const base = { capabilities, max_retries: 0, timeout_ms: 500 };
const alternate = (detector: string) => ({ fallback: { strategy: 'alternate' as const, detector } });
const required = (...names: string[]) => ({ policy: { required_detectors: names } });
const goodByAnother = (...names: string[]) => ({
  policy: { required_detectors: names, failure_policy: [{ action: 'secondary' as const }] },
});

/** Failures that something else stands in for. */
const gone: readonly [name: string, cause: string, error: string, behavior: Behavior][] = [
  ['500', 'outage', 'http_5xx', status(500)],
  ['a closed connection', 'outage', 'network_error', closes],
  ['429', 'overload', 'overloaded', status(429, { 'retry-after': '3600' })],
  ['silence', 'timeout', 'attempt_timeout', hangs],
];
/** Failures that are for people to mend. */
const wrong: readonly [name: string, cause: string, behavior: Behavior][] = [
  ['401', 'credentials', status(401)],
  ['400', 'bad_request', status(400)],
  ['HTML', 'unparsable', raw('<html></html>', 'text/html')],
];

describe('Fallbacks of detectors', () => {
  const standby = new FakeDetectors();
  let system: System;
  beforeAll(async () => {
    const elsewhere = await standby.listen();
    system = await System.start({
      parts: ['api'],
      detectors: [
        'steady',
        { name: 'backed', ...base, ...alternate('backup') },
        { name: 'backup', ...base },
        { name: 'left', ...base, ...alternate('right') },
        { name: 'right', ...base, ...alternate('left') },
        { name: 'remembering', ...base, fallback: { strategy: 'cached' } },
        { name: 'warning', ...base, fallback: { strategy: 'default', label: 'unchecked' } },
        { name: 'moved', ...base, fallback: { strategy: 'redirect', endpoint: elsewhere } },
      ],
      policies: {
        'demo/backed': required('steady', 'backed'),
        'demo/backed-good': goodByAnother('steady', 'backed'),
        'demo/backed-alone': required('backed'),
        'demo/backed-reserve': {
          policy: { ...goodByAnother('steady', 'backed').policy, optional_detectors: ['backup', 'right'] },
        },
        'demo/round': required('left'),
        'demo/remembering': required('steady', 'remembering'),
        'other/remembering': required('steady', 'remembering'),
        'demo/warning': required('steady', 'warning'),
        'demo/warning-alone': required('warning'),
        'demo/moved': required('steady', 'moved'),
        'demo/moved-alone': required('moved'),
      },
      env: {
        ...patience,
        ...forgetful,
        ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
      },
    });
    await system.orchestrate({ policy_bundle: 'backed' });
  });
  beforeEach(() => {
    system.detectors.reset();
    standby.reset();
  });
  afterAll(async () => {
    await system?.stop();
    await standby.close();
  });

  async function ask(policy_bundle: string, more: Record<string, unknown> = {}) {
    const sent = await system.orchestrate({ policy_bundle, ...more });
    const body = orchestrationResponseSchema.parse(sent.body);
    const results = new Map(body.detector_results.map((result) => [result.detector, result]));
    return { status: sent.status, body, of: (name: string) => results.get(name) };
  }

  async function whileTripped<T>(name: string, act: () => Promise<T>): Promise<T> {
    await system.request('POST', `/circuit-breaker/trip/${name}`);
    try {
      return await act();
    } finally {
      await system.request('POST', `/circuit-breaker/reset/${name}`);
    }
  }

  describe('an alternate', () => {
    it('is not asked while the detector answers', async () => {
      const { status: code, body } = await ask('backed');
      expect([code, body.fallback_used, body.detector_results.length]).toEqual([200, false, 2]);
      expect(system.detectors.callsOf('backup')).toHaveLength(0);
    });

    it.each(gone)('judges in its place after %s, and says so', async (_name, cause, error, behavior) => {
      system.detectors.behave('backed', behavior).behave('backup', flags('email', 0.8));
      const { status: code, body, of } = await ask('backed');
      expect(of('backed')).toMatchObject({ failure_cause: cause, output: null });
      expect(of('backup')).toMatchObject({
        status: 'success',
        output: 'email',
        stand_in: { strategy: 'alternate', for: ['backed'], cause, error, age_seconds: null },
      });
      // Required was another: what its failure means is the bundle’s to say.
      expect([code, body.coverage_achieved]).toEqual([206, 0.5]);
      expect(body.fallback_reasons).toEqual(['partial_coverage', 'detector_fallback']);
      expect(body.routing_decision.routing_reason).toContain('failover:backup');
      expect(body.aggregated_payload?.metadata['contributing_detectors']).toEqual(['steady', 'backup']);
    });

    it.each(wrong)('is not asked after %s', async (_name, cause, behavior) => {
      system.detectors.behave('backed', behavior);
      const { status: code, of } = await ask('backed-good');
      expect([code, of('backed')?.failure_cause, of('backup')]).toEqual([206, cause, undefined]);
      expect(system.detectors.callsOf('backup')).toHaveLength(0);
    });

    it('judges while the breaker is open, and makes the failure good where the bundle lets it', async () => {
      await whileTripped('backed', async () => {
        const { status: code, body, of } = await ask('backed-good');
        expect(of('backed')?.error).toBe('circuit_open');
        expect(of('backup')?.stand_in?.for).toEqual(['backed']);
        expect(body.failure_policy).toEqual([
          { detector: 'backed', cause: 'outage', action: 'secondary', stand_in: 'backup' },
        ]);
        expect([code, body.coverage_achieved]).toEqual([200, 0.5]);
        expect(body.fallback_reasons).toEqual(['failure_policy', 'detector_fallback']);
        // The only one that the bundle asks for: what another found is better than an error.
        const alone = await ask('backed-alone');
        expect([alone.status, alone.body.error_code, alone.body.coverage_achieved]).toEqual([
          206,
          'PARTIAL_COVERAGE',
          0,
        ]);
      });
      expect(system.detectors.callsOf('backed')).toHaveLength(0);
    });

    it('that is a secondary of the bundle too is asked once', async () => {
      system.detectors.behave('backed', status(500));
      const { status: code, of } = await ask('backed-reserve');
      expect([code, of('backup')?.stand_in?.for]).toEqual([200, ['backed']]);
      expect(system.detectors.callsOf('backup')).toHaveLength(1);
    });

    it('that fails as well leaves the failure as it is', async () => {
      system.detectors.behave('backed', status(500)).behave('backup', status(500));
      const { status: code, of } = await ask('backed-good');
      expect([code, of('backup')?.status, of('backup')?.stand_in]).toEqual([206, 'failed', undefined]);
    });

    it('whose own alternate is the first is not asked in a circle', async () => {
      system.detectors.behave('left', status(500)).behave('right', status(500));
      const sent = await system.orchestrate<ErrorResponse>({ policy_bundle: 'round' });
      expect([sent.status, sent.body.error_code]).toEqual([502, 'DETECTOR_COMMUNICATION_FAILED']);
      expect(['left', 'right'].map((name) => system.detectors.callsOf(name).length)).toEqual([1, 1]);
    });
  });

  describe('a memory', () => {
    const content = 'somebody@example.org wrote this';

    it.each(gone)(
      'repeats what was said of the same content after %s',
      async (name, cause, error, behavior) => {
        const same = { content: `${content} after ${name}` };
        system.detectors.behave('remembering', flags('email', 0.8));
        const first = await ask('remembering', same);
        system.detectors.behave('remembering', behavior);
        const second = await ask('remembering', same);
        expect(second.of('remembering')).toMatchObject({
          output: 'email',
          findings: first.of('remembering')!.findings,
          stand_in: {
            strategy: 'cached',
            for: ['remembering'],
            cause,
            error,
            age_seconds: expect.any(Number) as number,
          },
        });
        expect([second.status, second.body.coverage_achieved]).toEqual([200, 1]);
        expect(second.body).toMatchObject({
          fallback_used: true,
          fallback_reasons: ['cached_while_unavailable'],
        });
      },
    );

    it('knows nothing of other content, other metadata and other tenants [B4]', async () => {
      await ask('remembering', { content });
      system.detectors.behave('remembering', status(500));
      const others = [
        { content: `${content}!` },
        { content, metadata: { source: 'mail' } },
        { content, tenant_id: 'other' },
      ];
      for (const other of others) {
        const { status: code, of } = await ask('remembering', other);
        expect([code, of('remembering')?.status]).toEqual([206, 'failed']);
      }
      expect((await ask('remembering', { content })).status).toBe(200);
    });

    it('stays silent when our credentials are refused', async () => {
      await ask('remembering', { content });
      system.detectors.behave('remembering', status(401));
      const { status: code, of } = await ask('remembering', { content });
      expect([code, of('remembering')?.failure_cause]).toEqual([206, 'credentials']);
    });

    it('speaks while the breaker is open, which counts it [B7]', async () => {
      await ask('remembering', { content });
      await whileTripped('remembering', async () => {
        expect((await ask('remembering', { content })).of('remembering')?.stand_in?.error).toBe(
          'circuit_open',
        );
        const { body } = await system.request<BreakerInfo>('GET', '/circuit-breaker/endpoints/remembering');
        expect(body.fallback_count).toBeGreaterThanOrEqual(1);
        expect(body.config).toMatchObject({
          fallback_strategy: 'cached',
          fallback: { strategy: 'cached', max_age_seconds: 300 },
        });
      });
    });
  });

  describe('a default', () => {
    it('warns of what nobody has judged: its label counts, and covers nothing', async () => {
      system.detectors.behave('warning', status(500));
      const { status: code, body, of } = await ask('warning');
      expect(of('warning')).toMatchObject({
        output: 'unchecked',
        confidence: 1,
        failure_cause: 'outage',
        stand_in: { strategy: 'default', error: 'http_5xx' },
        unjudged: [{ reason: 'default_answer' }],
      });
      expect([code, body.coverage_achieved, body.detectors_succeeded]).toEqual([206, 0.5, 1]);
      expect(body.aggregated_payload?.output).toContain('unchecked');
    });

    it('is no answer by itself', async () => {
      system.detectors.behave('warning', status(500));
      const sent = await system.orchestrate<ErrorResponse>({ policy_bundle: 'warning-alone' });
      expect([sent.status, sent.body.error_code]).toEqual([502, 'DETECTOR_COMMUNICATION_FAILED']);
    });
  });

  describe('a standby', () => {
    it.each(gone)('judges at its own address after %s', async (_name, cause, error, behavior) => {
      system.detectors.behave('moved', behavior);
      standby.behave('moved', flags('email', 0.7));
      const { status: code, body, of } = await ask('moved');
      expect(of('moved')).toMatchObject({
        output: 'email',
        stand_in: { strategy: 'redirect', for: ['moved'], cause, error, age_seconds: null },
      });
      expect([code, body.coverage_achieved, body.fallback_used]).toEqual([200, 1, true]);
      expect(body.fallback_reasons).toEqual(['detector_fallback']);
    });

    it('judges while the breaker is open, also where nobody else is asked', async () => {
      await whileTripped('moved', async () => {
        expect((await ask('moved-alone')).status).toBe(200);
      });
      expect([system.detectors.calls.length, standby.calls.length]).toEqual([0, 1]);
    });

    it('that fails as well leaves the failure as it is', async () => {
      system.detectors.behave('moved', status(500));
      standby.behave('moved', status(401));
      const { status: code, of } = await ask('moved');
      expect([code, of('moved')?.error, of('moved')?.failure_cause]).toEqual([
        206,
        'http_5xx: the detector answered 500',
        'outage',
      ]);
    });
  });
});
