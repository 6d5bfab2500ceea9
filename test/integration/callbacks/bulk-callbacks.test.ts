import { randomUUID } from 'node:crypto';
import { bulkJobResponseSchema } from '../../../src/contract/bulk';
import { expectContractError } from '../../support/contract-error';
import { status } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { ended, jobOf, route, send, textOf, until, upload } from '../bulk/support';
import { hold } from '../core/job-support';
import { options, Receiver } from './support';

describe('A bulk job', () => {
  let system: System;
  const receiver = new Receiver();
  const to = (path = '/hook') => ({ 'x-callback-url': `${receiver.url}${path}` });
  beforeAll(async () => {
    await receiver.listen();
    system = await System.start({
      ...options,
      env: { ...options.env, ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000' },
    });
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

  it('calls back once when it has ended, signed, with what its status says [9.1]', async () => {
    system.detectors.behave('a', status(500));
    const bulkId = await submitted([{}, 'no json']);
    const { callback, ...job } = await calledBack(bulkId, 'delivered');
    expect(callback).toMatchObject({ attempts: 1, replays: 0, http_status: 204, error: null });
    expect(receiver.aboutBulk(bulkId).map(({ body }) => body)).toEqual([job]);
    expect(job).toMatchObject({
      bulk_id: bulkId,
      status: 'completed',
      outcomes: { completed: 0, failed: 2 },
    });
    expect(receiver.seen).toHaveLength(1);
  });

  it('calls nobody before it has ended; cancelled, it tells that it is [9.1]', async () => {
    const { a } = hold(system, ['a'] as const);
    const bulkId = await submitted([{}]);
    await system.detectors.called('a');
    expect((await jobOf(system, bulkId)).callback).toMatchObject({ status: 'pending', attempts: 0 });
    await system.request('DELETE', `${route}/${bulkId}`);
    await calledBack(bulkId, 'delivered');
    a();
    expect(receiver.aboutBulk(bulkId)[0]!.body).toMatchObject({
      status: 'cancelled',
      outcomes: { cancelled: 1 },
    });
    expect(receiver.aboutBulk(bulkId)[0]!.body.completed_at).not.toBeNull();
  });

  it('keeps its id over repetitions, is given up in the end, and told again when asked [9.1]', async () => {
    receiver.answer(500);
    const bulkId = await submitted([{}]);
    const { callback } = await calledBack(bulkId, 'failed');
    expect(callback).toMatchObject({ attempts: 4, error: 'http_status' });
    receiver.answer(204);
    const again = await replay(bulkId);
    expect(again.status).toBe(202);
    expect(bulkJobResponseSchema.parse(again.body).callback).toMatchObject({ replays: 1 });
    await calledBack(bulkId, 'delivered');
    const told = receiver.aboutBulk(bulkId);
    expect(told).toHaveLength(5);
    expect(new Set(told.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    const { rows } = await system.db.query(
      "select record from audit where kind = 'callback' and request_id = $1",
      [bulkId.slice('bulk-'.length)],
    );
    expect(rows).toEqual([{ record: { action: 'replayed', id: bulkId, replays: 1 } }]);
  });

  it('is not replayed before its time, for others, or when it named nobody', async () => {
    const { a } = hold(system, ['a'] as const);
    const [open, silent] = [await submitted([{}]), (await upload(system, [{}])).body.bulk_id];
    expectContractError(await replay(open), { status: 409, detail: 'bulk_not_finished' });
    expectContractError(await replay(silent), { status: 404, detail: 'callback_not_found' });
    expect((await jobOf(system, silent)).callback).toBeNull();
    a();
    await calledBack(open, 'delivered');
    expectContractError(await replay(open, { 'x-tenant-id': 'acme' }), {
      status: 404,
      detail: 'bulk_not_found',
    });
    await ended(system, silent);
    expect(receiver.seen).toHaveLength(1);
  });

  it('that is run again calls whom its parent called, unless it names another [9.1]', async () => {
    system.detectors.behave('a', status(500));
    const bulkId = await submitted([{}], to('/parent'));
    await calledBack(bulkId, 'delivered');
    const rerun = (headers = {}) =>
      system.request<{ bulk_id: string }>('POST', `${route}/${bulkId}/rerun`, undefined, headers);
    for (const [headers, path] of [
      [{}, '/parent'],
      [to('/other'), '/other'],
    ] as const) {
      receiver.seen.splice(0);
      const { body } = await rerun(headers);
      await calledBack(body.bulk_id, 'delivered');
      expect(receiver.seen.map(({ url }) => url)).toEqual([path]);
    }
    expectContractError(await rerun({ 'x-callback-url': 'https://elsewhere.example/' }), {
      status: 400,
      detail: 'callback_not_allowed',
    });
  });

  it.each([
    ['another host', 'https://elsewhere.example/'],
    ['credentials', `https://${'me:secret'}@127.0.0.1/`],
    ['a host of another tenant', 'https://hooks.acme.example/'],
  ])('that is to call %s is refused, and nothing of it stays [9.1]', async (_what, url) => {
    const answer = await upload(system, [{}], { 'x-callback-url': url });
    expectContractError(answer, { status: 400, detail: 'callback_not_allowed' });
    const id = `bulk-${answer.headers.get('x-request-id')}`;
    const { rows } = await system.db.query('select 1 from bulk_job where bulk_id = $1', [id]);
    expect(rows).toEqual([]);
  });

  it('is another under its key when it calls somebody else', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const text = textOf(system, [{}]);
    const first = await send(system, text, { ...key, ...to() });
    const same = await send(system, text, { ...key, ...to() });
    expect([first.status, same.body.bulk_id]).toEqual([202, first.body.bulk_id]);
    for (const headers of [key, { ...key, ...to('/other') }])
      expectContractError(await send(system, text, headers), { status: 409, detail: 'idempotency_conflict' });
    await calledBack(first.body.bulk_id, 'delivered');
    expect(receiver.seen).toHaveLength(1);
  });

  async function submitted(lines: Parameters<typeof upload>[1], headers = to()): Promise<string> {
    const { status: code, body } = await upload(system, lines, headers);
    expect(code).toBe(202);
    return body.bulk_id;
  }

  const calledBack = (bulkId: string, state: 'delivered' | 'failed') =>
    until(system, bulkId, ({ callback }) => callback?.status === state);

  const replay = (bulkId: string, headers = {}) =>
    system.request('POST', `${route}/${bulkId}/callback/replay`, undefined, headers);
});
