import { randomUUID } from 'node:crypto';
import { flags, held } from '../../support/fake-detectors';
import { type HttpAnswer, type Part, System } from '../../support/system';
import { callsAbout, cancel, deafen, hearAgain, hold, submitJob, untilAborted } from './job-support';

const replayed = 'idempotency-replayed';

describe('Two facades', () => {
  let system: System;
  let facades: [Part, Part];
  beforeAll(async () => {
    system = await System.start({
      env: {
        // On a loaded machine nothing becomes a job.
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
      },
    });
    facades = [system.facade, await system.startPart('api')];
  });
  beforeEach(() => {
    system.detectors.reset();
    system.url = facades[0].url;
  });
  afterAll(() => system?.stop());

  /** What is sent in the same turn goes to the facade that is named. */
  function through<T>(facade: Part, send: () => Promise<HttpAnswer<T>>): Promise<HttpAnswer<T>> {
    system.url = facade.url;
    return send();
  }

  async function runsSince(before: Date): Promise<string[]> {
    const { rows } = await system.db.query<{ run_id: string }>(
      'select run_id from run_key where created_at > $1',
      [before],
    );
    return rows.map(({ run_id: id }) => id);
  }

  async function now(): Promise<Date> {
    return (await system.db.query<{ now: Date }>('select clock_timestamp() as now')).rows[0]!.now;
  }

  it('given one key at once start one execution, and both answer [4.6] [8] [8.2]', async () => {
    const before = await now();
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('a', gate.behavior);
    const [body, headers] = [system.body(), { 'idempotency-key': randomUUID() }];
    const calls = facades.map((facade) =>
      through(facade, () => system.request('POST', '/orchestrate', body, headers)),
    );
    await system.detectors.called('a');
    gate.release();
    const [first, second] = await Promise.all(calls);
    expect([first!.status, second!.status]).toEqual([200, 200]);
    expect(second!.text).toBe(first!.text);
    for (const answer of [first!, second!]) expect(answer.headers.get(replayed)).toBeNull();
    for (const name of ['a', 'b', 'c']) expect(callsAbout(system, body['content'], name)).toHaveLength(1);
    const runs = await runsSince(before);
    expect(runs).toHaveLength(1);
    await expect(system.temporal.workflow.getHandle(runs[0]!).describe()).resolves.toMatchObject({
      type: 'orchestrationRun',
    });
  });

  it('replay what the other has answered [8] [8.2]', async () => {
    const [body, headers] = [system.body(), { 'idempotency-key': randomUUID() }];
    const first = await through(facades[0], () => system.request('POST', '/orchestrate', body, headers));
    const second = await through(facades[1], () => system.request('POST', '/orchestrate', body, headers));
    expect([second.status, second.text, second.headers.get(replayed)]).toEqual([200, first.text, 'true']);
  });

  it('know each other’s jobs, and cancel them [9.1] [F.13]', async () => {
    const hung = untilAborted();
    system.detectors.behave('a', hung.behavior);
    const jobId = await submitJob(system);
    await system.detectors.called('a');
    const cancelled = await through(facades[1], () => cancel(system, jobId));
    expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
    await hung.aborted;
  });

  it('answer by looking again when they cannot hear each other', async () => {
    const releases = hold(system, ['a'], flags('toxic', 0.9));
    const [body, headers] = [system.body(), { 'idempotency-key': randomUUID() }];
    const send = () => system.request('POST', '/orchestrate', body, headers);
    // Warm: neither needs a new connection while none is admitted.
    const owner = through(facades[0], send);
    await system.detectors.called('a');
    const joiner = through(facades[1], send);
    await deafen(system);
    try {
      releases.a();
      const [first, second] = await Promise.all([owner, joiner]);
      expect([first.status, second.status]).toEqual([200, 200]);
      expect(second.text).toBe(first.text);
    } finally {
      await hearAgain(system);
    }
    expect(callsAbout(system, body['content'], 'a')).toHaveLength(1);
  });
});
