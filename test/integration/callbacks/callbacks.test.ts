import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { callbackListSchema } from '../../../src/contract/callback';
import { eventually } from '../../support/eventually';
import { findings, flags, status } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { callsAbout, cancel, ended, hold, jobOf, submitJob } from '../core/job-support';
import { calledBack, oldSecret, options, Receiver, secret } from './support';

describe('Callbacks', () => {
  let system: System;
  const receiver = new Receiver();
  const to = (path = '/hook') => ({ callback_url: `${receiver.url}${path}` });
  beforeAll(async () => {
    await receiver.listen();
    system = await System.start(options);
  });
  beforeEach(() => {
    receiver.reset();
    receiver.answer(204);
    system.detectors.reset();
  });
  afterAll(async () => {
    await system?.stop();
    receiver.close();
  });

  it('tell that a job is done, signed, with what its status says [9.1]', async () => {
    system.detectors.behave('a', flags('toxic', 0.9));
    const jobId = await submitJob(system, { metadata: to() });
    const state = await calledBack(system, jobId, 'delivered');
    expect(state).toMatchObject({
      attempts: 1,
      replays: 0,
      http_status: 204,
      error: null,
      next_attempt_at: null,
    });
    const [{ headers, body } = { headers: {}, body: null }] = receiver.about(jobId);
    const { callback, ...job } = await jobOf(system, jobId);
    expect(callback).toEqual(state);
    expect(body).toEqual({ ...job, result_omitted: false });
    expect(job).toMatchObject({ status: 'completed', progress: 1, result: { job_id: jobId } });
    expect(receiver.about(jobId)).toHaveLength(1);
    expect(headers).toMatchObject({ 'content-type': 'application/json' });
  });

  it('bear a signature by each secret of the tenant, and the header of the contract [9.1]', async () => {
    const jobId = await submitJob(system, { metadata: to() });
    await calledBack(system, jobId, 'delivered');
    const { body, headers } = receiver.seen[0]!;
    for (const key of [secret, oldSecret])
      expect(new Webhook(key).verify(body, headers as Record<string, string>)).toBeTruthy();
    const hmac = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'));
    expect(headers['x-orchestrator-signature']).toBe(`sha256=${hmac.update(body).digest('hex')}`);
  });

  it('keep their id over repetitions, and a receiver that is down delays no job [9.1]', async () => {
    receiver.answer(503);
    const jobId = await submitJob(system, { metadata: to() });
    expect((await ended(system, jobId)).status).toBe('completed');
    await eventually(
      () => receiver.about(jobId).length,
      (tries) => tries >= 2,
    );
    receiver.answer(200);
    const { attempts } = await calledBack(system, jobId, 'delivered');
    const ids = new Set(receiver.about(jobId).map(({ headers }) => headers['webhook-id']));
    expect([ids.size, receiver.about(jobId).length]).toEqual([1, attempts]);
  });

  it('are given up in the end, which the job shows and does not feel [9.1]', async () => {
    receiver.answer(500);
    const jobId = await submitJob(system, { metadata: to() });
    expect(await calledBack(system, jobId, 'failed')).toMatchObject({
      attempts: 4,
      http_status: 500,
      error: 'http_status',
      delivered_at: null,
    });
    expect(receiver.about(jobId)).toHaveLength(4);
    expect((await jobOf(system, jobId)).status).toBe('completed');
  });

  it.each([
    [410, {}, 'receiver_gone', 1],
    [302, { location: '/elsewhere' }, 'redirected', 4],
  ])('answered with %i: %s', async (code, headers, error, attempts) => {
    receiver.answer(code, headers);
    const jobId = await submitJob(system, { metadata: to() });
    expect(await calledBack(system, jobId, 'failed')).toMatchObject({ error, attempts, http_status: code });
    expect(new Set(receiver.seen.map(({ url }) => url))).toEqual(new Set(['/hook']));
  });

  it('tell of jobs that fail or are cancelled, too [9.1]', async () => {
    system.detectors.behave('a', status(500));
    const failing = await submitJob(system, { metadata: to() });
    await calledBack(system, failing, 'delivered');
    expect(receiver.about(failing)[0]!.body).toMatchObject({
      status: 'failed',
      error_code: 'DETECTOR_COMMUNICATION_FAILED',
    });

    const { a } = hold(system, ['a'] as const);
    const cancelled = await submitJob(system, { metadata: to() });
    await cancel(system, cancelled);
    await calledBack(system, cancelled, 'delivered');
    expect(receiver.about(cancelled)[0]!.body).toMatchObject({ status: 'cancelled', result: null });
    a();
  });

  it('tell of sync requests that have become jobs, and of no others [9.1]', async () => {
    const answered = await system.orchestrate({ metadata: to() });
    expect(answered.status).toBe(200);
    const { a } = hold(system, ['a'] as const);
    const converted = await system.orchestrate({ metadata: to() });
    expect(converted.status).toBe(202);
    expect((await jobOf(system, converted.body.job_id!)).callback).toMatchObject({
      status: 'pending',
      attempts: 0,
    });
    expect(receiver.seen).toEqual([]);
    a();
    await calledBack(system, converted.body.job_id!, 'delivered');
    expect(receiver.seen).toHaveLength(1);
  });

  it('tell of jobs that were answered before they began [9.1]', async () => {
    const { content } = system.body();
    expect((await system.orchestrate({ content })).status).toBe(200);
    const jobId = await submitJob(system, { content, metadata: to() });
    await calledBack(system, jobId, 'delivered');
    expect(receiver.about(jobId)[0]!.body.result).toMatchObject({ job_id: jobId });
    expect(callsAbout(system, content)).toHaveLength(1);
  });

  it('are the business of no detector', async () => {
    system.detectors.behave('a', findings());
    const content = 'about a callback and a prompt';
    const jobId = await submitJob(system, { content, metadata: { ...to(), prompt: 'shown' } });
    await calledBack(system, jobId, 'delivered');
    const [call] = callsAbout(system, content);
    expect(JSON.stringify(call)).not.toContain('callback_url');
  });

  it('of each item of a batch that is a job [9.1]', async () => {
    const { body } = await system.request<{ results: { job_id: string | null }[] }>(
      'POST',
      '/orchestrate/batch',
      {
        requests: [
          system.body({ metadata: to() }),
          system.body({ processing_mode: 'async', metadata: to() }),
          system.body({ processing_mode: 'async', metadata: { callback_url: 'https://elsewhere.example/' } }),
        ],
      },
      { 'idempotency-key': crypto.randomUUID() },
    );
    expect(body.results.map(({ job_id: jobId }) => jobId !== null)).toEqual([false, true, false]);
    expect(body.results[2]).toMatchObject({ http_status: 400, error: { detail: 'callback_not_allowed' } });
    await calledBack(system, body.results[1]!.job_id!, 'delivered');
    expect(receiver.seen).toHaveLength(1);
  });

  it.each([
    ['another host', { callback_url: 'https://elsewhere.example/' }],
    ['credentials', { callback_url: 'https://me:secret@127.0.0.1/' }],
    ['another scheme', { callback_url: 'ftp://127.0.0.1/' }],
    ['no URL', { callback_url: '127.0.0.1' }],
    ['no text', { callback_url: 7 }],
  ])('to %s are refused with the field', async (_what, metadata) => {
    const { status: code, body } = await system.orchestrate<never>({ processing_mode: 'async', metadata });
    expect([code, body]).toMatchObject([
      400,
      { detail: 'callback_not_allowed', field_errors: [{ path: 'metadata.callback_url' }] },
    ]);
  });

  it('are made again when asked to, once for all who ask [9.1]', async () => {
    receiver.answer(500);
    const jobId = await submitJob(system, { metadata: to() });
    await calledBack(system, jobId, 'failed');
    expect(await listed('failed')).toContain(jobId);
    receiver.answer(204);
    const replays = await Promise.all([replay(jobId), replay(jobId), replay(jobId)]);
    expect(replays.map(({ status: code }) => code)).toEqual([202, 202, 202]);
    expect(await calledBack(system, jobId, 'delivered')).toMatchObject({
      attempts: 5,
      replays: 1,
      error: null,
    });
    expect(new Set(receiver.about(jobId).map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(await listed('failed')).not.toContain(jobId);
    const { rows } = await system.db.query(
      "select record from audit where kind = 'callback' and request_id = $1",
      [jobId.slice('job-'.length)],
    );
    expect(rows).toEqual([{ record: { action: 'replayed', id: jobId, replays: 1 } }]);
  });

  it('are not replayed for others, before their time, or for jobs that named nobody', async () => {
    const { a } = hold(system, ['a'] as const);
    const [open, silent] = [await submitJob(system, { metadata: to() }), await submitJob(system)];
    expect([await replay(open), await replay(silent)]).toMatchObject([
      { status: 409, body: { detail: 'job_not_finished' } },
      { status: 404, body: { detail: 'callback_not_found' } },
    ]);
    a();
    await calledBack(system, open, 'delivered');
    expect(await replay(open, { 'x-tenant-id': 'acme' })).toMatchObject({ status: 404 });
    expect(await listed('delivered', { 'x-tenant-id': 'acme' })).toEqual([]);
  });

  function replay(jobId: string, headers = {}) {
    return system.request('POST', `/orchestrate/jobs/${jobId}/callback/replay`, undefined, headers);
  }

  /** Page by page. */
  async function listed(state: string, headers = {}): Promise<string[]> {
    const ids: string[] = [];
    for (let token = ''; ;) {
      const route = `/orchestrate/callbacks?status=${state}&limit=2${token}`;
      const { body } = await system.request('GET', route, undefined, headers);
      const { callbacks, next_page_token: next } = callbackListSchema.parse(body);
      ids.push(...callbacks.map(({ id }) => id));
      if (next === undefined) return ids;
      token = `&page_token=${next}`;
    }
  }

  it('leave neither address nor secret in logs and durable history', async () => {
    const jobId = await submitJob(system, { metadata: to('/hook?token=hidden-in-the-address') });
    await calledBack(system, jobId, 'delivered');
    const history = await system.temporal.workflow.getHandle(`callback-${jobId}`).fetchHistory();
    const written = `${JSON.stringify(history)}${system.parts.map(({ log }) => log).join('')}`;
    expect(written).not.toContain('hidden-in-the-address');
    expect(written).not.toContain(secret.slice('whsec_'.length));
    expect(receiver.seen[0]!.url).toContain('hidden-in-the-address');
  });
});
