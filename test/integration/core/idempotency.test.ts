import { createHash, randomUUID } from 'node:crypto';
import type { ErrorResponse } from '../../../src/contract/answer';
import { flags, held, status } from '../../support/fake-detectors';
import { forgetful } from '../../support/patience';
import { System } from '../../support/system';
import { callsAbout, cancel, ended, hold, submitJob } from './job-support';

const replayed = 'idempotency-replayed';

describe('An Idempotency-Key', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      env: {
        ...forgetful,
        // On a loaded machine nothing becomes a job but what a test wants to: what is critical, after 500 ms.
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
      },
      policies: { 'demo/default': { policy: {} }, 'other/default': { policy: {} } },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  const keyed = (key: string = randomUUID()) => ({ 'idempotency-key': key });

  it('replays a finished answer verbatim, and calls nobody [C.5] [8.2]', async () => {
    system.detectors.behave('a', flags('toxic', 0.9));
    const [body, headers] = [system.body(), keyed()];
    const first = await system.request('POST', '/orchestrate', body, headers);
    const second = await system.request('POST', '/orchestrate', body, headers);
    expect(first.status).toBe(200);
    expect([second.status, second.text]).toEqual([first.status, first.text]);
    expect(first.headers.get(replayed)).toBeNull();
    expect(second.headers.get(replayed)).toBe('true');
    expect(system.detectors.calls).toHaveLength(3);
  });

  it('is echoed, and the first answer is identified by its own request id', async () => {
    const [body, headers] = [system.body(), keyed('any/visible:ASCII~key')];
    const first = await system.request<{ request_id: string }>('POST', '/orchestrate', body, headers);
    expect(first.body).toMatchObject({ idempotency_key: 'any/visible:ASCII~key' });
    expect(first.headers.get('idempotency-key')).toBe('any/visible:ASCII~key');
    expect(first.headers.get('x-request-id')).toBe(first.body.request_id);
    const again = await system.request<{ request_id: string }>('POST', '/orchestrate', body, headers);
    expect(again.headers.get('idempotency-key')).toBe('any/visible:ASCII~key');
    expect(again.body.request_id).toBe(first.body.request_id);
    expect(again.headers.get('x-request-id')).not.toBe(first.body.request_id);
  });

  it('replays a 206 too', async () => {
    system.detectors.behave('a', status(400));
    const [body, headers] = [system.body(), keyed()];
    const first = await system.request('POST', '/orchestrate', body, headers);
    system.detectors.reset();
    const second = await system.request('POST', '/orchestrate', body, headers);
    expect(first.status).toBe(206);
    expect([second.status, second.text, second.headers.get(replayed)]).toEqual([206, first.text, 'true']);
    expect(system.detectors.calls).toHaveLength(0);
  });

  it('runs two simultaneous calls once, and both get the same answer, neither as a replay [C.5] [8.2]', async () => {
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('a', gate.behavior);
    const [body, headers] = [system.body(), keyed()];
    const calls = [1, 2].map(() => system.request('POST', '/orchestrate', body, headers));
    await system.detectors.called('a');
    gate.release();
    const [first, second] = await Promise.all(calls);
    expect([first!.status, second!.status]).toEqual([200, 200]);
    expect(second!.text).toBe(first!.text);
    expect([first!.headers.get(replayed), second!.headers.get(replayed)]).toEqual([null, null]);
    for (const name of ['a', 'b', 'c']) expect(callsAbout(system, body['content'], name)).toHaveLength(1);
  });

  it('refuses another body with 409 idempotency_conflict, running or finished [C.5] [8.2]', async () => {
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('a', gate.behavior);
    const [body, headers] = [system.body(), keyed()];
    const conflict = async () => {
      const other = await system.request<ErrorResponse>(
        'POST',
        '/orchestrate',
        { ...body, content: 'another' },
        headers,
      );
      expect([other.status, other.body]).toMatchObject([
        409,
        { error_code: 'INVALID_REQUEST', detail: 'idempotency_conflict', retryable: false },
      ]);
      expect(other.headers.get('idempotency-key')).toBe(headers['idempotency-key']);
      expect(other.headers.get(replayed)).toBeNull();
    };
    const first = system.request('POST', '/orchestrate', body, headers);
    await system.detectors.called('a');
    await conflict();
    gate.release();
    expect((await first).status).toBe(200);
    await conflict();
    expect(callsAbout(system, 'another')).toHaveLength(0);
  });

  it('takes lists in another order, spelled out defaults and nulls for the same body [C.5]', async () => {
    const headers = keyed();
    const body = system.body({ required_detectors: ['a', 'b'], excluded_detectors: ['c'] });
    const same = {
      excluded_detectors: ['c'],
      metadata: null,
      processing_mode: 'sync',
      priority: 'normal',
      ...body,
      required_detectors: ['b', 'a'],
    };
    const first = await system.request('POST', '/orchestrate', body, headers);
    const second = await system.request('POST', '/orchestrate', same, headers);
    expect([second.status, second.text, second.headers.get(replayed)]).toEqual([
      first.status,
      first.text,
      'true',
    ]);
  });

  it.each([
    ['content', 'elsewhere'],
    ['content_type', 'code'],
    ['environment', 'prod'],
    ['priority', 'high'],
    ['processing_mode', 'async'],
    ['metadata', { a: 1 }],
    ['required_detectors', ['a']],
    ['excluded_detectors', ['a']],
  ])('takes another %s for another body', async (field, value) => {
    const [body, headers] = [system.body(), keyed()];
    await system.request('POST', '/orchestrate', body, headers);
    const second = await system.request('POST', '/orchestrate', { ...body, [field]: value }, headers);
    expect([second.status, second.body]).toMatchObject([409, { detail: 'idempotency_conflict' }]);
  });

  it('is free again after an error: a retry runs again [C.5]', async () => {
    for (const name of ['a', 'b', 'c']) system.detectors.behave(name, status(400));
    const [body, headers] = [system.body(), keyed()];
    const first = await system.request('POST', '/orchestrate', body, headers);
    expect(first.status).toBe(502);
    system.detectors.reset();
    const second = await system.request('POST', '/orchestrate', body, headers);
    expect([second.status, second.headers.get(replayed)]).toEqual([200, null]);
    expect(system.detectors.calls).toHaveLength(3);
    // And the success holds it.
    expect((await system.request('POST', '/orchestrate', body, headers)).headers.get(replayed)).toBe('true');
  });

  it.each([
    ['an unknown bundle', { policy_bundle: 'nowhere' }],
    ['an unknown detector', { required_detectors: ['nobody'] }],
  ])('is not taken by %s', async (_what, overrides) => {
    const [body, headers] = [system.body(), keyed()];
    const refused = await system.request('POST', '/orchestrate', { ...body, ...overrides }, headers);
    expect(refused.status).toBe(400);
    expect((await system.request('POST', '/orchestrate', body, headers)).status).toBe(200);
  });

  it('replays a 202 with the same job until that has ended, then its final status and body [C.5] [8.2]', async () => {
    const releases = hold(system, ['a']);
    const [body, headers] = [system.body({ processing_mode: 'async' }), keyed()];
    const first = await system.request<{ job_id: string }>('POST', '/orchestrate', body, headers);
    await system.detectors.called('a');
    const running = await system.request('POST', '/orchestrate', body, headers);
    expect([running.status, running.text]).toEqual([202, first.text]);
    expect(running.headers.get(replayed)).toBe('true');
    expect(running.headers.get('location')).toBe(first.headers.get('location'));
    expect(running.headers.get('retry-after')).toBe('1');
    releases.a();
    const job = await ended(system, first.body.job_id);
    const final = await system.request('POST', '/orchestrate', body, headers);
    expect([final.status, final.body, final.headers.get(replayed)]).toEqual([200, job.result, 'true']);
    expect(final.headers.get('location')).toBeNull();
    expect(system.detectors.calls).toHaveLength(3);
  });

  it('gives two simultaneous asynchronous calls one job [8.2]', async () => {
    const [body, headers] = [system.body({ processing_mode: 'async' }), keyed()];
    const [first, second] = await Promise.all(
      [1, 2].map(() => system.request<{ job_id: string }>('POST', '/orchestrate', body, headers)),
    );
    expect(second!.body.job_id).toBe(first!.body.job_id);
    await ended(system, first!.body.job_id);
    expect(callsAbout(system, body['content'], 'a')).toHaveLength(1);
  });

  it('holds for a sync call that was converted: repeated, it gives the job, then the result [C.5] [9.2]', async () => {
    const releases = hold(system, ['a']);
    const [body, headers] = [system.body({ priority: 'critical' }), keyed()];
    const first = await system.request<{ job_id: string }>('POST', '/orchestrate', body, headers);
    expect(first.status).toBe(202);
    const running = await system.request('POST', '/orchestrate', body, headers);
    expect([running.status, running.text, running.headers.get(replayed)]).toEqual([202, first.text, 'true']);
    releases.a();
    const job = await ended(system, first.body.job_id);
    const final = await system.request('POST', '/orchestrate', body, headers);
    expect([final.status, final.body]).toEqual([200, job.result]);
    expect(callsAbout(system, body['content'], 'a')).toHaveLength(1);
  });

  it('is freed by a job that fails [C.5]', async () => {
    for (const name of ['a', 'b', 'c']) system.detectors.behave(name, status(400));
    const [body, headers] = [{ content: 'fails at first' }, keyed()];
    const first = await submitJob(system, body, headers);
    expect((await ended(system, first)).status).toBe('failed');
    system.detectors.reset();
    const second = await submitJob(system, body, headers);
    expect(second).not.toBe(first);
    expect((await ended(system, second)).status).toBe('completed');
  });

  it('is freed by a job that is cancelled [C.5] [9.1]', async () => {
    const releases = hold(system, ['a']);
    const [body, headers] = [{ content: 'cancelled at first' }, keyed()];
    const first = await submitJob(system, body, headers);
    expect((await cancel(system, first)).status).toBe(200);
    releases.a();
    const second = await submitJob(system, body, headers);
    expect(second).not.toBe(first);
    expect((await ended(system, second)).status).toBe('completed');
  });

  it('that is the id of a job addresses that job [C.5]', async () => {
    const releases = hold(system, ['a']);
    const body = system.body({ processing_mode: 'async' });
    const first = await system.request<{ job_id: string }>('POST', '/orchestrate', body);
    const headers = keyed(first.body.job_id);
    const running = await system.request('POST', '/orchestrate', body, headers);
    expect([running.status, running.text, running.headers.get(replayed)]).toEqual([202, first.text, 'true']);
    releases.a();
    const job = await ended(system, first.body.job_id);
    const final = await system.request('POST', '/orchestrate', body, headers);
    expect([final.status, final.body, final.headers.get(replayed)]).toEqual([200, job.result, 'true']);
    expect(callsAbout(system, body['content'], 'a')).toHaveLength(1);
  });

  it('that is the id of no job of the tenant is 404', async () => {
    const jobId = await submitJob(system);
    await ended(system, jobId);
    for (const [key, tenant] of [
      [`job-${randomUUID()}`, 'demo'],
      [jobId, 'other'],
    ] as const) {
      const { status: code, body } = await system.orchestrate({ tenant_id: tenant }, keyed(key));
      expect([code, body]).toMatchObject([404, { detail: 'job_not_found' }]);
    }
  });

  it.each([
    ['empty', ''],
    ['of 65 characters', 'x'.repeat(65)],
    ['with a space', 'two words'],
    ['beyond ASCII', 'clé'],
  ])('%s is refused by name', async (_what, key) => {
    const { status: code, body } = await system.orchestrate<ErrorResponse>({}, keyed(key));
    expect([code, body]).toMatchObject([
      400,
      { detail: 'invalid_idempotency_key', field_errors: [{ path: 'Idempotency-Key' }] },
    ]);
    expect(system.detectors.calls).toHaveLength(0);
  });

  it('of another tenant is another key [C.9]', async () => {
    const [body, headers] = [system.body(), keyed()];
    const first = await system.request('POST', '/orchestrate', body, headers);
    const other = await system.request('POST', '/orchestrate', { ...body, tenant_id: 'other' }, headers);
    expect([other.status, other.headers.get(replayed)]).toEqual([200, null]);
    expect(other.text).not.toBe(first.text);
    expect(callsAbout(system, body['content'], 'a')).toHaveLength(2);
  });

  it('is kept only as a hash', async () => {
    const key = `key-${randomUUID()}`;
    await system.orchestrate({}, keyed(key));
    const { rows } = await system.db.query<{ row: string }>(
      'select i::text as row from idempotency i where key_hash = $1',
      [createHash('sha256').update(key).digest()],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]!.row).not.toContain(key);
  });

  it('runs out: past its retention it is free', async () => {
    const [body, headers] = [system.body(), keyed()];
    await system.request('POST', '/orchestrate', body, headers);
    await system.db.query(
      "update idempotency set expires_at = now() - interval '1 second' where key_hash = $1",
      [createHash('sha256').update(headers['idempotency-key']).digest()],
    );
    const second = await system.request('POST', '/orchestrate', body, headers);
    expect([second.status, second.headers.get(replayed)]).toEqual([200, null]);
    expect(callsAbout(system, body['content'], 'a')).toHaveLength(2);
  });

  it('of a facade that died before it started anything is taken over [C.5]', async () => {
    const survivor = system.url;
    const doomed = await system.startPart('api', { CONCLAVE_PAUSE_AT: 'claimed' });
    const [body, headers] = [system.body(), keyed()];
    const lost = system.request('POST', '/orchestrate', body, headers).catch(() => null);
    await doomed.paused('claimed');
    await doomed.kill();
    await lost;
    system.url = survivor;
    await system.db.query('update idempotency set lease_until = now()');
    const answer = await system.request('POST', '/orchestrate', body, headers);
    expect([answer.status, answer.headers.get(replayed)]).toEqual([200, null]);
    expect(callsAbout(system, body['content'], 'a')).toHaveLength(1);
  });
});
