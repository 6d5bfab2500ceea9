import { randomUUID } from 'node:crypto';
import { eventually } from '../../support/eventually';
import { findings, flags, held, inTurn, status } from '../../support/fake-detectors';
import { type HttpAnswer, System } from '../../support/system';
import { auditOf, ownOf, send, useOf } from './cache-support';
import { callsAbout, cancel, ended } from './job-support';

/** A request of normal priority becomes a job after this long; one of low priority does not on any machine. */
const convertMs = 2500;

describe('Identical requests in flight', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      policies: {
        'demo/default': { policy: { required_detectors: ['a', 'b'] } },
        'demo/firm': { policy: { required_detectors: ['a', 'b'], allow_async_conversion: false } },
      },
      env: {
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '10000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: String(convertMs),
        ORCHESTRATION_ORCHESTRATION__PRIORITY_SLA_OVERRIDES__LOW: '40000',
        ORCHESTRATION_ORCHESTRATION__PRIORITY_SLA_OVERRIDES__CRITICAL: '20000',
      },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  const patient = (overrides: object = {}) => system.body({ priority: 'low', ...overrides });
  const key = () => ({ 'idempotency-key': randomUUID() });
  const callsOfA = (body: Record<string, unknown>) => callsAbout(system, body['content'], 'a');

  /** Sends a request that is held at detector `a`. */
  async function lead(body: object, behavior: ReturnType<typeof held>['behavior'], headers = {}) {
    system.detectors.behave('a', behavior);
    const answer = send(system, body, headers);
    await system.detectors.called('a');
    return { answer };
  }

  /** Sends a request and resolves when it waits: a follower claims its key first. */
  async function follow(body: object, headers = key()): Promise<{ answer: Promise<HttpAnswer> }> {
    const claims = () => system.db.query('select from idempotency');
    const { rowCount: before } = await claims();
    const answer = send(system, body, headers);
    await eventually(claims, ({ rowCount }) => rowCount! > before!);
    return { answer };
  }

  it('are judged once, and each has an answer and a record of its own', async () => {
    const gate = held(flags('toxic', 0.9));
    const body = patient();
    const first = await lead(body, gate.behavior);
    const second = await follow(body);
    const more = [3, 4, 5].map((id) => send(system, body, { 'x-correlation-id': `number-${id}` }));
    gate.release();
    const answers = await Promise.all([first.answer, second.answer, ...more]);
    expect(answers.map((answer) => [answer.status, useOf(answer)])).toEqual([
      [200, 'MISS'],
      ...Array.from({ length: 4 }, () => [200, 'HIT']),
    ]);
    for (const name of ['a', 'b']) expect(callsAbout(system, body['content'], name)).toHaveLength(1);
    const bodies = answers.map((answer) => answer.body);
    expect(new Set(bodies.map(({ request_id: id }) => id)).size).toBe(5);
    expect(bodies.slice(2).map(({ correlation_id: id }) => id)).toEqual(['number-3', 'number-4', 'number-5']);
    for (const answer of bodies) expect(ownOf(answer).verdict).toEqual(ownOf(bodies[0]!).verdict);
    expect(await auditOf(system, bodies[1]!.request_id)).toEqual([
      expect.objectContaining({ answered_from: { source: 'flight', request_id: bodies[0]!.request_id } }),
    ]);
    for (const { request_id: id } of bodies) expect(await auditOf(system, id)).toHaveLength(1);
  });

  it('keep their keys: each is replayed verbatim, and refuses another body meanwhile', async () => {
    const gate = held(flags('toxic', 0.9));
    const body = patient();
    const keys = [key(), key()];
    const first = await lead(body, gate.behavior, keys[0]);
    const second = await follow(body, keys[1]);
    const other = await send(system, { ...body, content: 'another' }, keys[1]);
    expect([other.status, other.body]).toMatchObject([409, { detail: 'idempotency_conflict' }]);
    gate.release();
    const answers = await Promise.all([first.answer, second.answer]);
    expect(answers.map((answer) => [useOf(answer), answer.body.idempotency_key])).toEqual([
      ['MISS', keys[0]!['idempotency-key']],
      ['HIT', keys[1]!['idempotency-key']],
    ]);
    for (const [index, headers] of keys.entries()) {
      const replay = await send(system, body, headers);
      const replayed = replay.headers.get('idempotency-replayed');
      expect([replay.text, replayed]).toEqual([answers[index]!.text, 'true']);
    }
    expect(callsOfA(body)).toHaveLength(1);
  });

  it('and one key are answered with what the follower that holds it gets', async () => {
    const gate = held(flags('toxic', 0.9));
    const body = patient();
    const headers = key();
    const first = await lead(body, gate.behavior);
    const second = await follow(body, headers);
    const third = send(system, body, headers);
    gate.release();
    await first.answer;
    const [one, other] = await Promise.all([second.answer, third]);
    expect([one.status, other.text]).toEqual([200, one.text]);
    expect(callsOfA(body)).toHaveLength(1);
  });

  it('do not inherit a failure: who followed has an execution of its own', async () => {
    const gate = held(status(400));
    const body = patient();
    const first = await lead(body, inTurn(gate.behavior, findings()));
    const second = await follow(body);
    gate.release();
    const [one, other] = await Promise.all([first.answer, second.answer]);
    expect([one.status, useOf(one)]).toEqual([206, 'MISS']);
    expect([other.status, useOf(other)]).toEqual([200, 'MISS']);
    expect(callsOfA(body)).toHaveLength(2);
  });

  it('become jobs at their own time: a follower whose time comes first has a job of its own', async () => {
    const gate = held(flags('toxic', 0.9));
    const body = patient();
    const first = await lead(body, gate.behavior);
    const second = await follow({ ...body, priority: 'normal' });
    const converted = await second.answer;
    expect(converted.status).toBe(202);
    expect(converted.body.job_id).toBe(`job-${converted.body.request_id}`);
    gate.release();
    const [answer, job] = await Promise.all([first.answer, ended(system, converted.body.job_id!)]);
    expect([answer.status, useOf(answer), answer.body.job_id]).toEqual([200, 'MISS', null]);
    expect([job.status, job.result?.request_id]).toEqual(['completed', converted.body.request_id]);
    expect(callsOfA(body)).toHaveLength(2);
  });

  it('are cancelled one by one: the call of the others goes on [9.1]', async () => {
    const gate = held(flags('toxic', 0.9));
    const body = patient();
    const first = await lead({ ...body, priority: 'normal' }, gate.behavior);
    const others = [await follow(body), await follow(body)];
    const converted = await first.answer;
    expect(converted.status).toBe(202);
    // The others are judged once more, together, by an execution that is nobody's job.
    await system.detectors.called('a', 2);
    expect((await cancel(system, converted.body.job_id!)).status).toBe(200);
    gate.release();
    const answers = await Promise.all(others.map(({ answer }) => answer));
    expect(answers.map((answer) => [answer.status, answer.body.job_id])).toEqual([
      [200, null],
      [200, null],
    ]);
    expect(answers.map(useOf).toSorted()).toEqual(['HIT', 'MISS']);
    expect(callsOfA(body)).toHaveLength(2);
  });

  it.each([
    ['are critical', { priority: 'critical' }, 'BYPASS'],
    ['may not become jobs', { policy_bundle: 'firm' }, 'MISS'],
  ])('that %s are judged each by itself [8.1]', async (_which, special, use) => {
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('a', gate.behavior);
    const body = patient(special);
    const calls = [1, 2, 3].map(() => send(system, body));
    await system.detectors.called('a', 3);
    gate.release();
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => [answer.status, useOf(answer)])).toEqual(answers.map(() => [200, use]));
    expect(callsOfA(body)).toHaveLength(3);
    // Judged by themselves, but kept as any other, unless they are critical.
    expect(useOf(await send(system, body))).toBe(use === 'MISS' ? 'HIT' : 'BYPASS');
  });
});
