import { findings, flags, status as answers } from '../../support/fake-detectors';
import {
  FakeMapper,
  hangsUp,
  inOrder,
  type MapperBehavior,
  mapping,
  maps,
  sends,
  sleeps,
  stalls,
} from '../../support/fake-mapper';
import { patience } from '../../support/patience';
import { expectSound } from '../../support/sound-answer';
import { System } from '../../support/system';

interface Fault {
  readonly behavior: MapperBehavior;
  readonly code: string;
  readonly reason: 'mapper_timeout' | 'mapper_error';
}

const failed = (behavior: MapperBehavior): Fault => ({
  behavior,
  code: 'DETECTOR_COMMUNICATION_FAILED',
  reason: 'mapper_error',
});
const tooLate = (behavior: MapperBehavior): Fault => ({
  behavior,
  code: 'REQUEST_TIMEOUT',
  reason: 'mapper_timeout',
});

const faults: Readonly<Record<string, Fault>> = {
  'sleeps for 2 s [C.3]': tooLate(sleeps(2000)),
  'begins its answer and stalls': tooLate(stalls),
  'answers 408': tooLate(sends(408, '{}')),
  'answers 429': { behavior: sends(429, '{}'), code: 'DETECTOR_OVERLOADED', reason: 'mapper_error' },
  'answers 400': failed(sends(400, '{}')),
  'answers 401': failed(sends(401, '{}')),
  'answers 500': failed(sends(500, '{"error_code":"INTERNAL_ERROR"}')),
  'answers 204': failed((_call, response) => void response.writeHead(204).end()),
  redirects: failed((_call, response) => void response.writeHead(302, { location: '/health' }).end()),
  'answers HTML': failed(sends(200, '<html><body>Welcome</body></html>', 'text/html')),
  'answers half a JSON': failed(sends(200, '{"taxonomy": ["HARM')),
  'answers null': failed(maps(null)),
  'maps to nothing': failed(maps({ ...mapping(), taxonomy: [] })),
  'invents a category that is no name': failed(maps({ ...mapping(), taxonomy: ['harm speech'] })),
  'scores above 1': failed(maps({ ...mapping(), scores: { 'HARM.SPEECH.Toxicity': 1.2 } })),
  'forgets the confidence': failed(maps({ ...mapping(), confidence: undefined })),
  'writes too long notes': failed(maps(mapping({ notes: 'n'.repeat(501) }))),
  'floods the line': failed(sends(200, JSON.stringify({ ...mapping(), padding: ' '.repeat(2 ** 21) }))),
  'hangs up twice': failed(hangsUp),
};

describe('Mapping by a mapper that', () => {
  const mapper = new FakeMapper();
  let system: System;
  beforeAll(async () => {
    system = await System.start({ parts: ['api'], mapper: await mapper.listen(), env: patience });
  });
  beforeEach(() => {
    mapper.reset();
    system.detectors.behave('a', flags('toxic', 0.9)).behave('b', findings());
  });
  afterAll(async () => {
    await system?.stop();
    await mapper.close();
  });

  it.each(Object.entries(faults))(
    '%s leaves a 200 with all results and the right code [12] [12.2]',
    async (_name, fault) => {
      mapper.behave(fault.behavior);
      const { status, body } = await system.orchestrate();
      expect(status).toBe(200);
      expectSound(body);
      expect(body).toMatchObject({
        mapping_result: null,
        error_code: fault.code,
        fallback_used: true,
        fallback_reasons: [fault.reason],
        coverage_achieved: 1,
        detectors_succeeded: 3,
        aggregated_payload: { output: 'toxic|clean' },
        version_info: { model: 'none', policy: 'default:1.0' },
      });
    },
  );

  it('sleeps for 2 s is left alone when the budget of 500 ms is spent [C.3]', async () => {
    mapper.behave(sleeps(2000));
    const { body } = await system.orchestrate();
    const { answered, afterMs } = await mapper.calls[0]!.ended;
    expect(answered).toBe(false);
    // 500 ms and what a busy machine needs to notice.
    expect(afterMs).toBeLessThan(1000);
    expect(body.mapping_result).toBeNull();
  });

  it('is down (connection refused) leaves a 200 with all results [12.2]', async () => {
    await mapper.close();
    const { status, body } = await system.orchestrate();
    await mapper.listen();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      mapping_result: null,
      error_code: 'DETECTOR_COMMUNICATION_FAILED',
      fallback_used: true,
      fallback_reasons: ['mapper_error'],
      detectors_succeeded: 3,
    });
  });

  it('hangs up once is asked once more, with the same key [12.1]', async () => {
    mapper.behave(inOrder(hangsUp, maps()));
    const { status, body } = await system.orchestrate();
    expect(status).toBe(200);
    expect(body.mapping_result?.confidence).toBe(0.9);
    expect(body.fallback_used).toBe(false);
    expect(mapper.calls.map(({ headers }) => headers['idempotency-key'])).toEqual(
      Array.from({ length: 2 }, () => `${body.request_id}:map`),
    );
  });

  it('hangs up again is not asked a third time, and one that answers 500 not a second time', async () => {
    mapper.behave(hangsUp);
    await system.orchestrate();
    expect(mapper.calls).toHaveLength(2);
    mapper.reset();
    mapper.behave(sends(500, '{}'));
    await system.orchestrate();
    expect(mapper.calls).toHaveLength(1);
  });

  it.each([
    ['is late', sleeps(2000), 'mapper_timeout'],
    ['fails', sends(500, '{}'), 'mapper_error'],
  ] as const)(
    '%s leaves PARTIAL_COVERAGE as it is and goes to the reasons',
    async (_name, behavior, reason) => {
      system.detectors.behave('b', answers(400));
      mapper.behave(behavior);
      const { status, body } = await system.orchestrate();
      expect(status).toBe(206);
      expectSound(body);
      expect(body).toMatchObject({
        error_code: 'PARTIAL_COVERAGE',
        mapping_result: null,
        fallback_used: true,
        fallback_reasons: [reason, 'partial_coverage'],
      });
    },
  );

  it('fails does not fail a job', async () => {
    mapper.behave(sends(429, '{}'));
    const { body } = await system.orchestrate({ processing_mode: 'async' });
    const job = await system.ended(body.job_id!);
    expect(job).toMatchObject({
      status: 'completed',
      result: { error_code: 'DETECTOR_OVERLOADED', fallback_reasons: ['mapper_error'] },
    });
  });
});
