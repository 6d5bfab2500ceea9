import { randomUUID } from 'node:crypto';
import type { ErrorResponse } from '../../../src/contract/answer';
import {
  type BatchOrchestrationResponse,
  batchOrchestrationResponseSchema,
} from '../../../src/contract/batch';
import { flags, held, status } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { type HttpAnswer, System } from '../../support/system';
import { type BatchCall, loads, postBatch, texts } from './support';

const replayed = 'idempotency-replayed';

describe('The Idempotency-Key of a batch', () => {
  let system: System;
  let facade: string;
  beforeAll(async () => {
    system = await System.start({
      env: patience,
      detectors: ['a', 'b', 'c'].map((name) => ({ name, max_batch: 256 })),
      policies: { 'demo/default': { policy: {} }, 'other/default': { policy: {} } },
    });
    facade = system.url;
  });
  beforeEach(() => {
    system.detectors.reset();
    system.url = facade;
  });
  afterAll(() => system?.stop());

  /** How often a text of the batch was judged by a, text by text. */
  function judged({ requests }: Pick<BatchCall, 'requests'>): number[] {
    return (requests as Record<string, unknown>[]).map(
      ({ content }) =>
        system.detectors.callsOf('a').filter((call) => call.contents.includes(String(content))).length,
    );
  }

  it('replays the whole answer verbatim, and calls nobody [C.5] [11.1]', async () => {
    const call = { requests: [...texts(system, 3), { nonsense: true }], key: randomUUID() };
    const first = await postBatch(system, call);
    system.detectors.reset();
    const second = await postBatch(system, call);
    expect([first.status, first.headers.get(replayed)]).toEqual([200, null]);
    expect([second.status, second.text, second.headers.get(replayed)]).toEqual([200, first.text, 'true']);
    expect(second.headers.get('idempotency-key')).toBe(call.key);
    expect(system.detectors.calls).toHaveLength(0);
  });

  it('replays an answer of which items failed, though their own keys are free', async () => {
    for (const name of ['a', 'b', 'c']) system.detectors.behave(name, status(400));
    const call = { requests: texts(system, 2), key: randomUUID() };
    const first = await postBatch(system, call);
    expect(first.body.failed_requests).toBe(2);
    system.detectors.reset();
    const second = await postBatch(system, call);
    expect([second.text, second.headers.get(replayed)]).toEqual([first.text, 'true']);
    expect(system.detectors.calls).toHaveLength(0);
  });

  it.each([
    ['another item', (call: BatchCall) => ({ ...call, requests: [...call.requests, system.body()] })],
    ['another order', (call: BatchCall) => ({ ...call, requests: call.requests.toReversed() })],
    ['another batch_id', (call: BatchCall) => ({ ...call, envelope: { batch_id: 'x' } })],
    ['async_processing', (call: BatchCall) => ({ ...call, envelope: { async_processing: true } })],
    ['another faulty item', (call: BatchCall) => ({ ...call, requests: [...call.requests.slice(0, -1), 2] })],
  ])('refuses %s with 409 idempotency_conflict [C.5] [11.1]', async (_what, other) => {
    const call: BatchCall = { requests: [...texts(system, 2), 1], key: randomUUID() };
    await postBatch(system, call);
    system.detectors.reset();
    const conflict = await postBatch<ErrorResponse>(system, other(call));
    expect([conflict.status, conflict.body]).toMatchObject([
      409,
      { error_code: 'INVALID_REQUEST', detail: 'idempotency_conflict' },
    ]);
    expect(system.detectors.calls).toHaveLength(0);
  });

  it('takes the same batch spelled otherwise for the same', async () => {
    const requests = texts(system, 2);
    const key = randomUUID();
    const first = await postBatch(system, { requests, key });
    const spelled = requests.map((request) => ({ priority: 'normal', metadata: null, ...request }));
    const envelope = { batch_id: null, async_processing: false };
    const second = await postBatch(system, { requests: spelled, key, envelope });
    expect([second.text, second.headers.get(replayed)]).toEqual([first.text, 'true']);
  });

  it('of another tenant, and the key of a single request, are other keys', async () => {
    const key = randomUUID();
    await postBatch(system, { requests: texts(system, 1), key });
    const other = await postBatch(system, { requests: texts(system, 1, { tenant_id: 'other' }), key });
    expect([other.status, other.headers.get(replayed)]).toEqual([200, null]);
    for (const single of [key, `${key}#0`]) {
      const answer = await system.orchestrate({}, { 'idempotency-key': single });
      expect([answer.status, answer.headers.get(replayed)]).toEqual([200, null]);
    }
  });

  it.each([
    ['one facade', 1],
    ['two facades', 2],
  ])(
    'runs simultaneous calls of %s once, and all get the same answer [C.5] [8.2]',
    async (_where, facades) => {
      const second = facades === 2 ? await system.startPart('api') : null;
      const gate = held(flags('toxic', 0.9));
      system.detectors.behave('a', gate.behavior);
      const call = { requests: texts(system, 20), key: randomUUID() };
      const send = (url: string): Promise<HttpAnswer<BatchOrchestrationResponse>> => {
        system.url = url;
        return postBatch(system, call);
      };
      const answers = [send(facade), send(second?.url ?? facade), send(facade)];
      await system.detectors.called('a');
      gate.release();
      const [first, ...others] = await Promise.all(answers);
      expect(first!.body.completed_requests).toBe(20);
      for (const other of others) expect(other.text).toBe(first!.text);
      expect(judged(call)).toEqual(call.requests.map(() => 1));
      await second?.end();
    },
  );

  it.each([
    // Nothing had been started yet: another starts it.
    ['before_claim', 1],
    // Every item had its outcome: none is judged again.
    ['answering', 1],
  ])('of a facade that died at %s: a retry joins what it had begun [9.2]', async (at, times) => {
    const doomed = await system.startPart('api', { CONCLAVE_PAUSE_AT: at });
    const call = { requests: texts(system, 10), key: randomUUID() };
    const lost = postBatch(system, call).catch(() => null);
    await doomed.paused(at, 10);
    await doomed.kill();
    await lost;
    system.url = facade;
    const answer = await postBatch(system, call);
    expect(answer.status).toBe(200);
    expect(answer.headers.get(replayed)).toBeNull();
    expect(batchOrchestrationResponseSchema.parse(answer.body).completed_requests).toBe(10);
    expect(judged(call)).toEqual(call.requests.map(() => times));
    expect((await postBatch(system, call)).text).toBe(answer.text);
  });

  it('goes on when its client is gone, and is there to be replayed', async () => {
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('a', gate.behavior);
    const call = { requests: texts(system, 5), key: randomUUID() };
    const gone = new AbortController();
    const sent = fetch(`${system.url}/api/v1/orchestrate/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': call.key },
      body: JSON.stringify({ requests: call.requests }),
      signal: gone.signal,
    }).catch(() => null);
    await system.detectors.called('a');
    gone.abort();
    await sent;
    gate.release();
    const answer = await postBatch(system, call);
    expect(answer.body.completed_requests).toBe(5);
    expect(loads(system, 'a', call.requests)).toEqual([5]);
  });

  it('and the whole answer are kept so that nobody can read them', async () => {
    const key = `key-${randomUUID()}`;
    system.detectors.behave('a', flags('a_very_rare_label', 0.9));
    const { text } = await postBatch(system, { requests: texts(system, 1), key });
    expect(text).toContain('a_very_rare_label');
    const { rows } = await system.db.query<{ answer: Buffer; row: string; hours: number }>(
      `select answer, b::text as row, round(extract(epoch from expires_at - now()) / 3600)::int as hours
       from batch_answer b order by expires_at desc limit 1`,
    );
    expect(rows[0]!.hours).toBe(24);
    expect(rows[0]!.row).not.toContain(key);
    expect(rows[0]!.answer.toString('latin1')).not.toMatch(/a_very_rare_label|results/);
  });

  it('runs out', async () => {
    const call = { requests: texts(system, 1), key: randomUUID() };
    const first = await postBatch(system, call);
    for (const table of ['batch_answer', 'idempotency']) {
      await system.db.query(`update ${table} set expires_at = now() - interval '1 second'`);
    }
    const again = await postBatch(system, call);
    expect([again.status, again.headers.get(replayed)]).toEqual([200, null]);
    expect(again.body.results[0]!.request_id).not.toBe(first.body.results[0]!.request_id);
  });
});
