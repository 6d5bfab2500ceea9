import { FakeDetectors, findings, flags, raw, status as answers } from '../../support/fake-detectors';
import { FakeMapper, mapping, maps } from '../../support/fake-mapper';
import { patience } from '../../support/patience';
import { expectSound } from '../../support/sound-answer';
import { System } from '../../support/system';

/** A talkative detector says in 1,024 characters what others say in one word. */
const talkers = Array.from({ length: 24 }, (_, index) => `talker-${String(index).padStart(2, '0')}`);

describe('Mapping', () => {
  const mapper = new FakeMapper();
  const speakers = new FakeDetectors();
  let system: System;
  beforeAll(async () => {
    const [url, endpoint] = [await mapper.listen(), await speakers.listen()];
    talkers.forEach((name, index) => {
      const output = String.fromCodePoint(0x4e00 + index).repeat(1024);
      speakers.behave(name, raw(JSON.stringify({ output, confidence: 0.9 })));
    });
    system = await System.start({
      parts: ['api'],
      mapper: url,
      env: { ...patience, ORCHESTRATION_MAPPER__SERVICE_KEY: 'a-key-of-the-service' },
      detectors: [
        'a',
        'b',
        'c',
        ...talkers.map((name) => ({ name, protocol: 'conclave' as const, endpoint: `${endpoint}/${name}` })),
      ],
      policies: {
        'demo/default': { policy: { required_detectors: ['a', 'b', 'c'] } },
        'demo/unmapped': { policy: { required_detectors: ['a', 'b', 'c'], auto_map_results: false } },
        'demo/long': { policy: { required_detectors: talkers.slice(0, 8) } },
        'demo/overlong': { policy: { required_detectors: talkers } },
      },
    });
  });
  beforeEach(() => {
    mapper.reset();
    system.detectors.behave('a', flags('toxic', 0.9)).behave('b', findings()).behave('c', findings());
  });
  afterAll(async () => {
    await system?.stop();
    await speakers.close();
    await mapper.close();
  });

  describe('by a mapper that works', () => {
    it('sends the validated payload with tenant, key and trace headers, once [12.1]', async () => {
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const { status, body } = await system.orchestrate(
        {},
        { 'x-correlation-id': 'corr-of-mine', traceparent },
      );
      expect(status).toBe(200);
      expectSound(body);
      expect(mapper.calls).toHaveLength(1);
      const [call] = mapper.calls;
      expect(call?.path).toBe('/api/v1/map');
      expect(call?.headers).toMatchObject({
        'content-type': 'application/json',
        'x-tenant-id': 'demo',
        'x-api-key': 'a-key-of-the-service',
        'idempotency-key': `${body.request_id}:map`,
        'x-correlation-id': 'corr-of-mine',
        traceparent: expect.stringContaining('4bf92f3577b34da6a3ce929d0e0e4736'),
      });
      expect(call?.payload).toEqual(body.aggregated_payload);
      expect(call?.payload.metadata.request_id).toBe(body.request_id);
    });

    it('adds its marks to the mapping, and nothing else [12.2] [C.6]', async () => {
      const { body } = await system.orchestrate({ environment: 'stage' });
      const { orchestrator } = body.version_info;
      expect(body.mapping_result).toEqual({
        ...mapping(),
        notes:
          `route=rules; orchestrator=${orchestrator}; policy=default:1.0; taxonomy=3.1; frameworks=2.2; model=m-7; ` +
          'conflict=weighted_average: 2 outputs of 3 detectors, won by a',
        provenance: {
          detector: 'orchestrated-multi',
          model: 'none',
          route: 'orchestrator',
          tenant_id: 'demo',
        },
        policy_context: { expected_detectors: ['a', 'b', 'c'], environment: 'stage' },
      });
      expect(body.version_info).toEqual({
        taxonomy: '3.1',
        frameworks: '2.2',
        model: 'm-7',
        orchestrator: expect.stringMatching(/^\d+\.\d+\.\d+/),
        policy: 'default:1.0',
      });
      expect(body).toMatchObject({ fallback_used: false, fallback_reasons: [], error_code: null });
    });

    it('keeps what the mapper says of versions and policy context, but not in the name of the orchestrator', async () => {
      const context = { expected_detectors: ['x'], environment: 'prod' };
      const version_info = {
        taxonomy: '9',
        frameworks: '8',
        model: 'm',
        orchestrator: 'not-ours',
        policy: 'not:ours',
      };
      mapper.behave(maps(mapping({ version_info, policy_context: context })));
      const { body } = await system.orchestrate();
      expect(body.mapping_result).toMatchObject({ version_info, policy_context: context });
      expect(body.version_info).toMatchObject({ taxonomy: '9', model: 'm', policy: 'default:1.0' });
      expect(body.version_info.orchestrator).toMatch(/^\d/);
    });

    it.each([500, 420, 0])('keeps notes of %s characters within 500 [C.6]', async (length) => {
      mapper.behave(maps(mapping({ notes: '🙂'.repeat(length) })));
      const { status, body } = await system.orchestrate();
      expect(status).toBe(200);
      const notes = body.mapping_result!.notes!;
      expect([...notes].length).toBeLessThanOrEqual(500);
      for (const part of [
        'orchestrator=',
        'policy=default:1.0',
        'taxonomy=3.1',
        'frameworks=2.2',
        'model=m-7',
      ]) {
        expect(notes).toContain(part);
      }
      expect(notes.includes('conflict=')).toBe(length === 0);
    });

    it('maps a partial answer too [12]', async () => {
      system.detectors.behave('b', answers(400));
      const { status, body } = await system.orchestrate();
      expect(status).toBe(206);
      expect(body.mapping_result?.taxonomy).toEqual(['HARM.SPEECH.Toxicity']);
      expect(body).toMatchObject({ error_code: 'PARTIAL_COVERAGE', fallback_reasons: ['partial_coverage'] });
    });

    it('maps a job, and shows the same on its status', async () => {
      const { body } = await system.orchestrate({ processing_mode: 'async' });
      const job = await system.ended(body.job_id!);
      expect(job).toMatchObject({ status: 'completed', result: { mapping_result: { confidence: 0.9 } } });
      expect(mapper.calls[0]?.headers['idempotency-key']).toBe(`${body.request_id}:map`);
    });

    it('asks no mapper when nothing succeeded', async () => {
      for (const name of ['a', 'b', 'c']) system.detectors.behave(name, answers(400));
      const { status } = await system.orchestrate();
      expect(status).toBe(502);
      expect(mapper.calls).toEqual([]);
    });

    it('asks no mapper for a bundle that turns it off, and no label appears that no detector sent [C.8] [12.2]', async () => {
      const { status, body } = await system.orchestrate({ policy_bundle: 'unmapped' });
      expect(status).toBe(200);
      expectSound(body);
      expect(mapper.calls).toEqual([]);
      expect(body).toMatchObject({ mapping_result: null, fallback_used: false, error_code: null });
      expect(body.version_info.model).toBe('none');
      expect(Object.keys(body.aggregated_payload!.metadata.normalized_scores)).toEqual(['toxic', 'clean']);
      expect(JSON.stringify(body)).not.toMatch(/"[A-Z_]+\.[A-Z][A-Za-z]*/);
    });
  });

  describe('a payload of many long outputs', () => {
    it('loses its additive parts before it is sent, and no output [C.1]', async () => {
      const { status, body } = await system.orchestrate({ policy_bundle: 'long' });
      expect(status).toBe(200);
      expectSound(body);
      const payload = body.aggregated_payload!;
      expect(payload.output.split('|')).toHaveLength(8);
      expect(payload.metadata.conflict_resolution).toBeUndefined();
      expect(payload.metadata.provenance.map(({ output }) => output)).toEqual(Array(8).fill(undefined));
      expect(mapper.calls[0]?.payload).toEqual(payload);
    });

    it('over 64 KiB even so is AGGREGATION_FAILED, with the results and without a mapper call [C.1]', async () => {
      const { status, body } = await system.request<Record<string, unknown>>(
        'POST',
        '/orchestrate',
        system.body({ policy_bundle: 'overlong' }),
      );
      expect(status).toBe(500);
      expect(body).toMatchObject({
        error_code: 'AGGREGATION_FAILED',
        retryable: false,
        fallback_used: true,
        response: {
          aggregated_payload: null,
          mapping_result: null,
          detectors_succeeded: talkers.length,
          error_code: 'AGGREGATION_FAILED',
        },
      });
      expect(mapper.calls).toEqual([]);
    });
  });
});
