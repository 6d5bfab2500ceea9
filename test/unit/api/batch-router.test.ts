import { createHash } from 'node:crypto';
import request from 'supertest';
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

/** What becomes of an item when the batch runs. */
async function takenIn(index: number) {
  const item = accepted[0]!.items[index]!;
  if ('fault' in item) throw item.fault;
  return item.take();
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
            mode: 'sync',
            policyBundle: 'default',
            priority: 'normal',
            take: expect.any(Function) as () => unknown,
            digest: fingerprintOf(orchestrationRequestSchema.parse(body)).toString('hex'),
          },
        ],
        tenantId: 'acme',
        idempotencyKey: 'key-1',
        batchId: 'b',
        correlationId: 'corr-1',
        traceparent: null,
        asked: { principal: 'anonymous', endpoint: 'POST /orchestrate/batch' },
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
      { mode: 'async' },
      { mode: 'async', fault: { code: 'INVALID_REQUEST' } },
    ]);
    expect((await takenIn(0)).request).toMatchObject({ processing_mode: 'async' });
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

  it('takes a callback for a fault of the item', async () => {
    const calling = { ...body, metadata: { callback_url: 'https://x.example' } };
    expect((await post({ requests: [body, calling] })).status).toBe(200);
    expect(accepted[0]!.items).toMatchObject([
      { mode: 'sync' },
      { fault: { detail: 'callback_not_allowed' } },
    ]);
  });

  it('finds an image that is none when the item is taken in', async () => {
    await post({ requests: [body, { ...body, content_type: 'image' }] });
    expect(await takenIn(0)).toMatchObject({ routingTokens: ['inferred=text'] });
    await expect(takenIn(1)).rejects.toMatchObject({ detail: 'content_not_an_image' });
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

describe('Files in a batch', () => {
  const file = pdf(['words']);
  const letter = { ...body, content_type: 'document', content: file.toString('base64') };
  const { content: _content, ...rest } = letter;
  const uploaded = { ...rest, content_ref: 'content-8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10' };
  const words = async (sent: SentRequest) => ({
    request: orchestrationRequestSchema.parse({ ...rest, content: `words of ${sent.content_ref}` }),
    routingTokens: [],
    receivedAt: Date.now(),
  });
  const intake = { atATime: 2, maxFetched: 1000, take: words };
  const roomy = { maxBodyBytes: 1_000_000, intake };

  it('are known by what was sent: by their bytes, or by the reference', async () => {
    await post({ requests: [letter, uploaded] }, {}, roomy);
    const digest = createHash('sha256').update(file).digest('hex');
    const asRead = { ...orchestrationRequestSchema.parse(letter), source: { digest, gaps: [] } };
    const [read, fetched] = accepted[0]!.items;
    expect(read!.digest).toBe(fingerprintOf(asRead).toString('hex'));
    await post({ requests: [letter, uploaded] }, {}, roomy);
    expect(accepted[1]!.items[1]!.digest).toBe(fetched!.digest);
    const other = { ...uploaded, content_ref: uploaded.content_ref.replace('8f14', '9f14') };
    await post({ requests: [letter, other] }, {}, roomy);
    expect(accepted[2]!.items[1]!.digest).not.toBe(fetched!.digest);
  });

  it('are fetched when the batch runs, and not before [5.1]', async () => {
    const read: unknown[] = [];
    const take = (sent: SentRequest) => (read.push(sent), words(sent));
    await post({ requests: [uploaded, letter] }, {}, { ...roomy, intake: { ...intake, take } });
    expect(read).toEqual([]);
    const [first] = await Promise.all([takenIn(0), takenIn(1)]);
    expect(first.request.content).toBe(`words of ${uploaded.content_ref}`);
    expect(read).toHaveLength(2);
  });

  it('have either a content or a reference', async () => {
    await post({ requests: [{ ...letter, content_ref: uploaded.content_ref }, rest] }, {}, roomy);
    expect(accepted[0]!.items).toMatchObject([
      { fault: { detail: 'validation_failed' } },
      { fault: { detail: 'validation_failed' } },
    ]);
  });

  it('count against the rate limit before anything is read', async () => {
    const requests = [letter, letter, uploaded];
    expectError(await post({ requests }, {}, { ...roomy, perMinute: 2 }), { code: 'RATE_LIMITED' });
    expect(accepted).toEqual([]);
    const response = await post({ requests }, {}, { ...roomy, perMinute: 5 });
    expect(response.headers['ratelimit-remaining']).toBe('2');
  });
});
