import {
  type ErrorResponse,
  errorResponseSchema,
  orchestrationResponseSchema,
} from '../../../src/contract/answer';
import {
  type Behavior,
  closes,
  findings,
  flags,
  held,
  inTurn,
  raw,
  status,
} from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System } from '../../support/system';

const primaries = ['privacy', 'harm'];
const roles = { required_detectors: primaries, optional_detectors: ['generalist', 'reserve'] };
const capabilities = (...taxonomy_categories: string[]) => ({
  capabilities: { supported_content_types: ['text' as const], taxonomy_categories },
  max_retries: 0,
});
const overloaded = status(429);

describe('Secondary detectors', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      detectors: [
        { name: 'privacy', ...capabilities('PII') },
        { name: 'harm', ...capabilities('HARM') },
        { name: 'generalist', ...capabilities('PII', 'HARM') },
        { name: 'reserve', ...capabilities('HARM') },
      ],
      policies: {
        'demo/required': { policy: roles },
        'demo/taxonomy': {
          policy: {
            ...roles,
            coverage_calculation: {
              calculation_method: 'taxonomy_coverage',
              required_taxonomy_categories: ['PII', 'HARM'],
            },
          },
        },
        'demo/alone': { policy: { required_detectors: primaries } },
      },
      // Faults follow each other here; what breakers do about that is shown elsewhere.
      env: { ...patience, ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000' },
    });
    // The first request pays for what a process does once.
    await system.orchestrate({ policy_bundle: 'alone' });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  function behave(behaviors: Readonly<Record<string, Behavior>>): void {
    for (const [name, behavior] of Object.entries(behaviors)) system.detectors.behave(name, behavior);
  }

  async function ask(policy_bundle: string) {
    const sent = await system.orchestrate({ policy_bundle });
    orchestrationResponseSchema.parse(sent.body);
    return { ...sent, statuses: sent.body.detector_results.map((r) => [r.detector, r.status]) };
  }

  async function askInVain(policy_bundle: string) {
    const sent = await system.orchestrate<ErrorResponse>({ policy_bundle });
    errorResponseSchema.parse(sent.body);
    return sent;
  }

  it('are not asked while the primaries cover everything [6.2]', async () => {
    const { status: code, body, statuses } = await ask('taxonomy');
    expect(code).toBe(200);
    expect(statuses).toEqual([
      ['harm', 'success'],
      ['privacy', 'success'],
    ]);
    expect(body).toMatchObject({ fallback_used: false, fallback_reasons: [], coverage_achieved: 1 });
    expect(system.detectors.callsOf('generalist')).toHaveLength(0);
  });

  it('stand in for a primary that failed, and the answer says so [6.2]', async () => {
    behave({ privacy: status(500), generalist: flags('pii', 0.8) });
    const { status: code, body, statuses } = await ask('taxonomy');
    expect(code).toBe(200);
    expect(statuses).toEqual([
      ['harm', 'success'],
      ['privacy', 'failed'],
      ['generalist', 'success'],
      ['reserve', 'success'],
    ]);
    expect(body).toMatchObject({ coverage_achieved: 1, error_code: null, fallback_used: true });
    expect(body.fallback_reasons).toEqual(['secondary_detectors']);
    expect(body.routing_decision.selected_detectors).toEqual(['harm', 'privacy']);
    expect(body.routing_decision.routing_reason).toContain('failover:generalist;failover:reserve');
    expect(body.aggregated_payload?.metadata['contributing_detectors']).toEqual([
      'harm',
      'generalist',
      'reserve',
    ]);
  });

  it('wait until the primaries are done [6.2]', async () => {
    const gate = held(status(500));
    behave({ privacy: status(500), harm: gate.behavior });
    const answer = ask('taxonomy');
    await Promise.all(primaries.map((name) => system.detectors.called(name)));
    expect(system.detectors.callsOf('generalist')).toHaveLength(0);
    gate.release();
    expect((await answer).body.coverage_achieved).toBe(1);
    expect(system.detectors.callsOf('generalist')).toHaveLength(1);
  });

  it('do not stand in for a required detector under required_set, and the partial answer says so [6.2]', async () => {
    behave({ privacy: closes });
    const { status: code, body } = await ask('required');
    expect(code).toBe(206);
    expect(body).toMatchObject({
      error_code: 'PARTIAL_COVERAGE',
      coverage_achieved: 0.5,
      fallback_used: true,
      fallback_reasons: ['secondary_detectors', 'partial_coverage'],
    });
    expect(body.aggregated_payload).not.toBeNull();
  });

  it('may be all that is left: their results are kept [6.2]', async () => {
    behave({ privacy: status(500), harm: status(500), reserve: status(500) });
    const covered = await ask('taxonomy');
    expect([covered.status, covered.body.coverage_achieved]).toEqual([200, 1]);
    const uncovered = await ask('required');
    expect([uncovered.status, uncovered.body.coverage_achieved]).toEqual([206, 0]);
    expect(uncovered.body.detectors_succeeded).toBe(1);
  });

  describe('when nobody is left', () => {
    const everybody = [...primaries, 'generalist', 'reserve'];
    const all = (behavior: Behavior) => Object.fromEntries(everybody.map((name) => [name, behavior]));

    it('the answer is 502 DETECTOR_COMMUNICATION_FAILED with what was tried [C.4] [6.2]', async () => {
      behave({ ...all(status(500)), harm: raw('<html></html>', 'text/html'), reserve: closes });
      const { status: code, body } = await askInVain('taxonomy');
      expect(code).toBe(502);
      expect(body).toMatchObject({
        error_code: 'DETECTOR_COMMUNICATION_FAILED',
        retryable: true,
        fallback_used: true,
        retry_after_seconds: null,
      });
      expect(body.response).toMatchObject({
        request_id: body.request_id,
        detectors_attempted: 4,
        detectors_succeeded: 0,
        detectors_failed: 4,
        coverage_achieved: 0,
        aggregated_payload: null,
        mapping_result: null,
      });
      expect(body.response!.detector_results.map(({ error }) => error?.split(':')[0])).toEqual([
        'invalid_response',
        'http_5xx',
        'http_5xx',
        'network_error',
      ]);
    });

    it('the answer is 502 as well where there are no secondaries [C.4]', async () => {
      behave(all(status(401)));
      const { status: code, body } = await askInVain('alone');
      expect(code).toBe(502);
      expect(body.error_code).toBe('DETECTOR_COMMUNICATION_FAILED');
      expect(system.detectors.callsOf('generalist')).toHaveLength(0);
    });

    it('the answer is 429 DETECTOR_OVERLOADED when all are overloaded [C.4]', async () => {
      behave(all(overloaded));
      const { status: code, body, headers } = await askInVain('taxonomy');
      expect(code).toBe(429);
      expect(body).toMatchObject({
        error_code: 'DETECTOR_OVERLOADED',
        retryable: true,
        fallback_used: true,
        retry_after_seconds: 1,
      });
      expect(headers.get('retry-after')).toBe('1');
      expect(body.response?.detectors_failed).toBe(4);
    });

    it('one that is not overloaded but failing makes it 502 [C.4]', async () => {
      behave({ ...all(overloaded), reserve: status(500) });
      const { status: code, body } = await askInVain('taxonomy');
      expect([code, body.error_code]).toEqual([502, 'DETECTOR_COMMUNICATION_FAILED']);
    });

    it('the error frees the Idempotency-Key: a retry with it is judged', async () => {
      behave({ privacy: inTurn(status(400), findings()), harm: inTurn(status(400), findings()) });
      const request = { policy_bundle: 'alone', content: 'once more' };
      const key = { 'idempotency-key': 'a-key-of-its-own' };
      expect((await system.orchestrate(request, key)).status).toBe(502);
      const again = await system.orchestrate(request, key);
      expect(again.status).toBe(200);
      expect(again.headers.get('idempotency-replayed')).toBeNull();
    });
  });
});
