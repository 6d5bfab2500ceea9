import { createHash } from 'node:crypto';
import request from 'supertest';
import { ConclaveError } from '../../../src/contract/errors';
import { orchestrationRequestSchema, type SentRequest } from '../../../src/contract/request';
import type { AcceptedBatch, BatchAnswer } from '../../../src/submission/batches';
import { fingerprintOf } from '../../../src/submission/fingerprint';
import { pdf } from '../../support/documents';
import { type AppOptions, appWith, body, expectError } from './support';

const path = '/api/v1/orchestrate/batch';

let accepted: AcceptedBatch[] = [];
beforeEach(() => (accepted = []));

async function post(
  sent: object,
  headers: Record<string, string> = {},
  options: AppOptions = {},
  replayed = false,
) {
  const batches = {
    submit: async (batch: AcceptedBatch): Promise<BatchAnswer> => {
      accepted.push(batch);
      return { body: Buffer.from('{"stored":true}'), replayed };
    },
  };
  return request(await appWith({ batches, ...options }))
    .post(path)
    .set({ 'Idempotency-Key': 'key-1', ...headers })
    .send(sent);
}

describe('POST /orchestrate/batch', () => {
  it('hands on what was accepted, and sends the stored bytes as they are', async () => {
    const response = await post({ requests: [body], batch_id: 'b' }, { 'X-Correlation-ID': 'corr-1' });
    expect([response.status, response.text]).toEqual([200, '{"stored":true}']);
    expect(response.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'idempotency-key': 'key-1',
      'x-correlation-id': 'corr-1',
      'cache-control': 'no-store',
      'ratelimit-limit': '100',
      'ratelimit-remaining': '99',
    });
    expect(response.headers).not.toHaveProperty('idempotency-replayed');
    expect(accepted).toEqual([
      {
        items: [
          {
            request: { ...body, processing_mode: 'sync', priority: 'normal' },
            routingTokens: ['inferred=text'],
            receivedAt: expect.any(Number) as number,
            digest: fingerprintOf(orchestrationRequestSchema.parse(body)).toString('hex'),
          },
        ],
        tenantId: 'acme',
        idempotencyKey: 'key-1',
        batchId: 'b',
        correlationId: 'corr-1',
        traceparent: null,
        receivedAt: expect.any(Number) as number,
      },
    ]);
  });

  it('says when the answer is a replay', async () => {
    const response = await post({ requests: [body] }, {}, {}, true);
    expect(response.headers['idempotency-replayed']).toBe('true');
  });

  it('makes every item asynchronous on demand', async () => {
    await post({ requests: [body, { ...body, content: 1 }], async_processing: true });
    expect(accepted[0]!.items).toMatchObject([
      { request: { processing_mode: 'async' } },
      { mode: 'async', fault: { code: 'INVALID_REQUEST' } },
    ]);
  });

  it('keeps what a faulty item says of itself, where it is sound, and of its content only a digest', async () => {
    await post({
      requests: [
        { ...body, priority: 'urgent', processing_mode: 'async', content: 'toxic waste' },
        { ...body, policy_bundle: '../x', extra: 1 },
        7,
      ],
    });
    const [named, unnamed, number] = accepted[0]!.items;
    expect(named).toMatchObject({ mode: 'async', policyBundle: 'default' });
    expect(unnamed).toMatchObject({ mode: 'sync', policyBundle: '' });
    expect(number).toMatchObject({ mode: 'sync', policyBundle: '' });
    expect(JSON.stringify(accepted[0]!.items)).not.toContain('toxic waste');
  });

  it.each([
    ['an image that is none', { content_type: 'image' }, 'content_not_an_image'],
    ['a callback', { metadata: { callback_url: 'https://x.example' } }, 'callback_not_allowed'],
  ])('takes %s for a fault of the item', async (_what, overrides, detail) => {
    expect((await post({ requests: [body, { ...body, ...overrides }] })).status).toBe(200);
    expect(accepted[0]!.items).toMatchObject([{ routingTokens: ['inferred=text'] }, { fault: { detail } }]);
  });

  it('has no tenant when no item names one', async () => {
    await post({ requests: [{}] });
    expect(accepted[0]!.tenantId).toBeNull();
    await post({ requests: [{}] }, { 'X-Tenant-ID': 'acme' });
    expect(accepted[1]!.tenantId).toBe('acme');
  });

  it('refuses an item of another tenant as a whole', async () => {
    const response = await post({ requests: [body, { ...body, tenant_id: 'other' }] });
    expectError(response, { code: 'INSUFFICIENT_RBAC', detail: 'tenant_mismatch' });
    expect(accepted).toEqual([]);
  });

  it('needs a key', async () => {
    const response = await request(await appWith())
      .post(path)
      .send({ requests: [body] });
    expectError(response, { detail: 'idempotency_key_required', paths: ['Idempotency-Key'] });
  });

  it('charges every sound item before anything runs', async () => {
    const options = { perMinute: 2 };
    expect((await post({ requests: [body, body, {}] }, {}, options)).headers['ratelimit-remaining']).toBe(
      '0',
    );
    expectError(await post({ requests: [body, body, body] }, {}, options), { code: 'RATE_LIMITED' });
    expect(accepted).toHaveLength(1);
  });
});

describe('Documents in a batch', () => {
  const file = pdf(['words']);
  const letter = { ...body, content_type: 'document', content: file.toString('base64') };
  const many = (count: number) => ({ requests: Array.from({ length: count }, () => letter) });
  const roomy = { maxBodyBytes: 1_000_000 };
  const words = async (sent: SentRequest) => ({
    request: orchestrationRequestSchema.parse({ ...sent, content: 'words' }),
    routingTokens: [],
    receivedAt: Date.now(),
  });
  const failing = (code: 'RATE_LIMITED' | 'REQUEST_TIMEOUT') => () =>
    Promise.reject(new ConclaveError(code, 'not this time'));

  it('are told apart by what was sent, whether they could be read or not', async () => {
    for (const take of [words, failing('RATE_LIMITED'), failing('REQUEST_TIMEOUT')])
      await post(many(1), {}, { ...roomy, intake: { atATime: 2, take } });
    const digest = createHash('sha256').update(file).digest('hex');
    const asRead = { ...orchestrationRequestSchema.parse(letter), source: { digest, gaps: [] } };
    const expected = fingerprintOf(asRead).toString('hex');
    expect(accepted.map(({ items }) => items[0]!.digest)).toEqual([expected, expected, expected]);
    expect(accepted.map(({ items }) => 'fault' in items[0]!)).toEqual([false, true, true]);
  });

  it('are no loss of time to jobs, but to whoever waits', async () => {
    const long = Date.now() - 20_000;
    const take = async (sent: SentRequest) => ({ ...(await words(sent)), receivedAt: long });
    const requests = [letter, { ...letter, processing_mode: 'async' }];
    await post({ requests }, {}, { ...roomy, intake: { atATime: 2, take } });
    const begins = accepted[0]!.items.map((item) => ('request' in item ? item.receivedAt : null));
    expect([begins[0], begins[1]! > long + 10_000]).toEqual([long, true]);
  });

  it('that cannot be read fail in the mode and under the policy that they were sent with', async () => {
    const intake = { atATime: 1, take: failing('RATE_LIMITED') };
    await post({ ...many(1), async_processing: true }, {}, { ...roomy, intake });
    expect(accepted[0]!.items).toMatchObject([
      { fault: { code: 'RATE_LIMITED' }, mode: 'async', policyBundle: 'default' },
    ]);
  });

  it('are not read when the rate limit has no room for all of them', async () => {
    const read: unknown[] = [];
    const intake = { atATime: 2, take: (sent: SentRequest) => (read.push(sent), words(sent)) };
    const response = await post(many(3), {}, { ...roomy, perMinute: 2, intake });
    expectError(response, { code: 'RATE_LIMITED' });
    expect(read).toEqual([]);
  });

  it('count against the rate limit also when they cannot be read', async () => {
    const intake = { atATime: 2, take: failing('RATE_LIMITED') };
    const response = await post(many(3), {}, { ...roomy, perMinute: 5, intake });
    expect(response.headers['ratelimit-remaining']).toBe('2');
  });

  it('are read so many at a time, and all of them', async () => {
    let reading = 0;
    let most = 0;
    const take = async (sent: SentRequest) => {
      most = Math.max(most, ++reading);
      await new Promise((resolve) => setImmediate(resolve));
      reading--;
      return words(sent);
    };
    await post(many(20), {}, { ...roomy, intake: { atATime: 2, take } });
    expect(most).toBe(2);
    expect(accepted[0]!.items.map((item) => 'request' in item)).toEqual(Array(20).fill(true));
  });
});
