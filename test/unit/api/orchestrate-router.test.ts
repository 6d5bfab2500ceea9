import request from 'supertest';
import { ConclaveError } from '../../../src/contract/errors';
import type { Accepted } from '../../../src/submission/execution';
import { answerOf, type AppOptions, appWith, body, expectError, jobId, runId } from './support';

const path = '/api/v1/orchestrate';
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

async function post(sent: object, headers: Record<string, string> = {}, options: AppOptions = {}) {
  return request(await appWith(options))
    .post(path)
    .set(headers)
    .send(sent);
}

describe('POST /orchestrate', () => {
  let submitted: Accepted[] = [];
  beforeEach(() => (submitted = []));
  const answering = (answer = answerOf(200)): AppOptions => ({
    submit: (accepted) => {
      submitted.push(accepted);
      return Promise.resolve(answer);
    },
  });

  it('hands on what was accepted, and sends the stored bytes as they are', async () => {
    const before = Date.now();
    const response = await post(
      body,
      { 'X-Tenant-ID': 'acme', 'X-Correlation-ID': 'corr-1', traceparent, 'Idempotency-Key': 'key-1' },
      answering(),
    );
    expect(response.status).toBe(200);
    expect(response.text).toBe('{"stored":200}');
    expect(response.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-request-id': runId,
      'x-correlation-id': 'corr-1',
      'x-cache': 'BYPASS',
      'idempotency-key': 'key-1',
      'cache-control': 'no-store',
      traceparent,
    });
    for (const absent of ['location', 'retry-after', 'idempotency-replayed', 'etag', 'x-powered-by']) {
      expect(response.headers).not.toHaveProperty(absent);
    }
    expect(submitted).toEqual([
      {
        request: { ...body, processing_mode: 'sync', priority: 'normal' },
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        correlationId: 'corr-1',
        traceparent,
        asked: { principal: 'anonymous', endpoint: 'POST /orchestrate' },
        idempotencyKey: 'key-1',
        receivedAt: expect.any(Number) as number,
        routingTokens: ['inferred=text'],
      },
    ]);
    expect(submitted[0]!.receivedAt).toBeGreaterThanOrEqual(before);
  });

  it('makes an identity of its own where the caller sends none, or none that can be echoed', async () => {
    const response = await post(
      body,
      { 'X-Correlation-ID': 'two words', traceparent: 'nonsense' },
      answering(),
    );
    expect(response.headers['x-correlation-id']).toBe(submitted[0]!.correlationId);
    expect(submitted[0]).toMatchObject({
      correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      traceparent: null,
      idempotencyKey: null,
    });
    expect(response.headers).not.toHaveProperty('traceparent');
    expect(response.headers).not.toHaveProperty('idempotency-key');
  });

  it('leads to the job when one goes on', async () => {
    const response = await post(body, {}, answering(answerOf(202, { jobId })));
    expect(response.status).toBe(202);
    expect(response.headers).toMatchObject({
      location: `${path}/status/${jobId}`,
      'retry-after': '1',
      'x-request-id': runId,
    });
  });

  it('marks a replay, which has a request id of its own', async () => {
    const response = await post(
      body,
      { 'Idempotency-Key': 'k' },
      answering(answerOf(200, { replayed: true })),
    );
    expect(response.headers).toMatchObject({
      'idempotency-replayed': 'true',
      'x-request-id': submitted[0]!.requestId,
    });
    expect(response.headers['x-request-id']).not.toBe(runId);
  });

  it('asks for patience when the detectors are overloaded', async () => {
    const response = await post(body, {}, answering(answerOf(429)));
    expect([response.status, response.headers['retry-after'], response.text]).toEqual([
      429,
      '1',
      '{"stored":429}',
    ]);
    expect(response.headers).not.toHaveProperty('location');
  });

  it.each([
    ['a key with a space', { 'Idempotency-Key': 'a b' }, 'invalid_idempotency_key', 'Idempotency-Key'],
    [
      'a key of 65 characters',
      { 'Idempotency-Key': 'k'.repeat(65) },
      'invalid_idempotency_key',
      'Idempotency-Key',
    ],
    ['a malformed tenant', { 'X-Tenant-ID': 'a/b' }, 'invalid_tenant_header', 'X-Tenant-ID'],
  ])('refuses %s', async (_name, headers, detail, at) => {
    expectError(await post(body, headers, answering()), { detail, paths: [at] });
    expect(submitted).toEqual([]);
  });

  it('refuses a body that speaks for another tenant', async () => {
    const response = await post(body, { 'X-Tenant-ID': 'other' }, answering());
    expectError(response, { code: 'INSUFFICIENT_RBAC', detail: 'tenant_mismatch' });
    expect(submitted).toEqual([]);
  });

  it('refuses a callback, but no other metadata', async () => {
    const refused = await post({ ...body, metadata: { callback_url: 'http://x' } }, {}, answering());
    expectError(refused, { detail: 'callback_not_allowed', paths: ['metadata.callback_url'] });
    expect(submitted).toEqual([]);
    const taken = await post({ ...body, metadata: { ticket: 1 } }, {}, answering());
    expect([taken.status, submitted[0]!.request.metadata]).toEqual([200, { ticket: 1 }]);
  });

  it('counts the requests of each tenant and bundle, and refuses those over the limit', async () => {
    const app = await appWith({ ...answering(), perMinute: 2 });
    const send = (sent: object) => request(app).post(path).send(sent);
    const [first, second, third] = [await send(body), await send(body), await send(body)];
    expect([first, second, third].map(({ status }) => status)).toEqual([200, 200, 403]);
    expect([first, second, third].map(({ headers }) => headers['ratelimit-remaining'] as string)).toEqual([
      '1',
      '0',
      '0',
    ]);
    expect(first.headers).toMatchObject({ 'ratelimit-limit': '2', 'x-ratelimit-limit': '2' });
    const refusal = expectError(third, { code: 'RATE_LIMITED' });
    const wait = Number(third.headers['retry-after']);
    expect(wait).toBe(refusal.retry_after_seconds);
    expect(wait).toBe(Number(third.headers['ratelimit-reset']));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect((await send({ ...body, policy_bundle: 'strict' })).status).toBe(200);
    expect((await send({ ...body, tenant_id: 'other' })).status).toBe(200);
    expect(submitted).toHaveLength(4);
  });

  it('answers what submission refuses', async () => {
    const conflict = new ConclaveError('INVALID_REQUEST', 'used before', {
      status: 409,
      detail: 'idempotency_conflict',
    });
    const response = await post(body, {}, { submit: () => Promise.reject(conflict) });
    expect(expectError(response, { status: 409, detail: 'idempotency_conflict' }).message).toBe(
      'used before',
    );
  });
});

it('tells of what it refuses, as far as it could be read', async () => {
  const told: unknown[] = [];
  const refused: AppOptions['refused'] = ({ code }, sent) => told.push([code, sent?.tenant_id]);
  await post({ ...body, content: '' }, {}, { refused });
  await post({ ...body, metadata: { callback_url: 'http://x' } }, {}, { refused });
  expect(told).toEqual([
    ['INVALID_REQUEST', undefined],
    ['INVALID_REQUEST', 'acme'],
  ]);
});

describe('Bodies that are refused', () => {
  let submissions = 0;
  beforeEach(() => (submissions = 0));

  async function raw(bytes: string | Buffer, type = 'application/json') {
    const submit = () => {
      submissions++;
      return Promise.resolve(answerOf(200));
    };
    return request(await appWith({ submit, maxBodyBytes: 512 }))
      .post(path)
      .set('Content-Type', type)
      .serialize((sent) => sent as string)
      .send(bytes);
  }
  const good = JSON.stringify(body);
  const around = (member: string) => good.replace('{', `{${member},`);

  it.each([
    ['not declared as JSON', good, 'content_type_not_json', [], 'text/plain'],
    ['empty', '', 'body_missing', []],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'invalid_utf8', []],
    ['not JSON', '{"content":', 'invalid_json', []],
    ['holding a key twice', around('"content":"other"'), 'duplicate_key', ['content']],
    ['holding half of a character', good.replace('a text', '\\ud800'), 'lone_surrogate', ['content']],
    ['holding a reserved key', around('"metadata":{"__proto__":1}'), 'reserved_key', ['metadata.__proto__']],
    ['too deep', around(`"metadata":${'['.repeat(40)}${']'.repeat(40)}`), 'too_deep', ['metadata']],
    ['too large', good.replace('a text', 'x'.repeat(512)), 'body_too_large', []],
    ['not an object', '[]', 'validation_failed', ['']],
    ['holding an unknown field', around('"speed":9'), 'validation_failed', ['speed']],
    ['not an image as it says', good.replace('"text"', '"image"'), 'content_not_an_image', ['content']],
  ])('%s', async (_name, bytes, detail, paths, type = 'application/json') => {
    expectError(await raw(bytes, type), { detail, paths });
    expect(submissions).toBe(0);
  });

  it('names every field at fault, without its value', async () => {
    const response = await raw('{"content":"","content_type":"zq9","tenant_id":7,"policy_bundle":"b"}');
    const { field_errors: errors, message } = expectError(response, { detail: 'validation_failed' });
    expect(errors).toEqual([
      { path: 'content', message: 'must not be empty' },
      expect.objectContaining({ path: 'content' }),
      { path: 'content_type', message: 'must be one of text, image, document, code' },
      { path: 'tenant_id', message: 'must be a string' },
      { path: 'environment', message: 'is required' },
    ]);
    expect(message).toBe('the request is invalid: content must not be empty (and 4 more)');
    expect(response.text).not.toContain('zq9');
  });

  it('in an encoding that we do not read', async () => {
    const response = await request(await appWith())
      .post(path)
      .set({ 'Content-Type': 'application/json', 'Content-Encoding': 'zq9' })
      .send(good);
    expectError(response, { detail: 'unreadable_body' });
  });
});

describe('The jobs', () => {
  const status = `${path}/status/${jobId}`;
  const rerun = `${path}/jobs/${jobId}/rerun`;
  let calls: unknown[][] = [];
  beforeEach(() => (calls = []));
  const jobs = {
    status: (...call: unknown[]) => {
      calls.push(['status', ...call]);
      return Promise.resolve({ job_id: jobId, status: 'running' } as never);
    },
    cancel: (...call: unknown[]) => {
      calls.push(['cancel', ...call]);
      return Promise.resolve({ job_id: jobId, status: 'cancelled' } as never);
    },
    rerun: (...call: unknown[]) => {
      calls.push(['rerun', ...call]);
      return Promise.resolve(answerOf(202, { jobId }));
    },
  };

  it('show their state', async () => {
    const response = await request(await appWith({ jobs }))
      .get(status)
      .set('X-Tenant-ID', 'acme');
    expect([response.status, response.body]).toEqual([200, { job_id: jobId, status: 'running' }]);
    expect(calls).toEqual([['status', jobId, 'acme']]);
  });

  it('are cancelled', async () => {
    const response = await request(await appWith({ jobs })).delete(status);
    expect([response.status, response.body]).toEqual([200, { job_id: jobId, status: 'cancelled' }]);
    expect(calls).toEqual([['cancel', jobId, null]]);
  });

  it('are run again', async () => {
    const response = await request(await appWith({ jobs }))
      .post(rerun)
      .set({ 'X-Tenant-ID': 'acme', 'X-Correlation-ID': 'corr-2', traceparent, 'Idempotency-Key': 'again' })
      .send({ detectors: 'failed', content: null });
    expect([response.status, response.text]).toEqual([202, '{"stored":202}']);
    expect(response.headers).toMatchObject({
      location: status,
      'retry-after': '1',
      'x-request-id': runId,
      'idempotency-key': 'again',
    });
    expect(calls).toEqual([
      [
        'rerun',
        jobId,
        'acme',
        { detectors: 'failed', policy: 'original' },
        {
          correlationId: 'corr-2',
          traceparent,
          asked: { principal: 'anonymous', endpoint: 'POST /orchestrate/jobs/:job_id/rerun' },
          idempotencyKey: 'again',
          receivedAt: expect.any(Number) as number,
        },
      ],
    ]);
  });

  it('are not run again by a wish that is unknown', async () => {
    const response = await request(await appWith({ jobs }))
      .post(rerun)
      .send({ detectors: 'some' });
    expectError(response, { detail: 'validation_failed', paths: ['detectors'] });
    expect(calls).toEqual([]);
  });

  it.each(['nonsense', `job-${runId.replace('-4', '-1')}`, runId, jobId.toUpperCase()])(
    'are not looked for as %s, which is no id of a job',
    async (id) => {
      const app = await appWith({ jobs });
      const missing = { status: 404, detail: 'job_not_found' };
      expectError(await request(app).get(`${path}/status/${id}`), missing);
      expectError(await request(app).delete(`${path}/status/${id}`), missing);
      expectError(await request(app).post(`${path}/jobs/${id}/rerun`).send({}), missing);
      expect(calls).toEqual([]);
    },
  );

  it('say why they cannot be cancelled', async () => {
    const ended = new ConclaveError('INVALID_REQUEST', 'ended', {
      status: 409,
      detail: 'job_not_cancellable',
    });
    const app = await appWith({ jobs: { cancel: () => Promise.reject(ended) } });
    expectError(await request(app).delete(status), { status: 409, detail: 'job_not_cancellable' });
  });
});
