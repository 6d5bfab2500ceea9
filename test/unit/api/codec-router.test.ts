import type { Payload } from '@temporalio/common';
import request from 'supertest';
import { RunKeyDestroyedError } from '../../../src/store/key-ring';
import type { PayloadReader } from '../../../src/store/payload-codec';
import { TamperedError } from '../../../src/store/sealed-box';
import type { Credentials } from '../../../src/api/gate';
import type { Operation } from '../../../src/api/operations';
import { ConclaveError } from '../../../src/contract/errors';
import { anonymous, type Identity } from '../../../src/contract/identity';
import { appWith, expectError } from './support';

const token = 'the token of the codec';
const origin = 'http://127.0.0.1:8233';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const plain = base64('json/plain');
const sealed = (text: string) => ({ metadata: { encoding: base64('binary/encrypted') }, data: base64(text) });

const ownerOf = (text: string) =>
  text === '' ? null : { workflowId: `run-of-${text}`, tenantId: text === 'service' ? null : 'acme' };

/** Reads a payload by turning it round; the key of what reads `gone` has been destroyed. */
const reader = {
  ownerOf: ({ data }: Payload) => Promise.resolve(ownerOf(Buffer.from(data ?? []).toString())),
  decode: ([payload]: readonly Payload[]): Promise<Payload[]> => {
    const text = Buffer.from(payload!.data ?? []).toString();
    if (text === 'gone') return Promise.reject(new RunKeyDestroyedError('run-1'));
    if (text === 'tampered') return Promise.reject(new TamperedError());
    if (text === 'broken') return Promise.reject(new Error('zq9'));
    const data = Buffer.from([...text].reverse().join(''));
    return Promise.resolve([{ metadata: { encoding: Buffer.from('json/plain') }, data }]);
  },
} satisfies Pick<PayloadReader, 'decode' | 'ownerOf'>;

const withCodec = () => appWith({ codec: { payloads: reader, token, origins: [origin] } });

async function decode(payloads: unknown, path = '/api/v1/codec/decode', bearer: string | null = token) {
  const asked = request(await withCodec()).post(path);
  if (bearer !== null) void asked.set('Authorization', `Bearer ${bearer}`);
  return asked.send({ payloads });
}

describe('The codec for Temporal Web', () => {
  it('decodes each payload, in order, for those who bear the token', async () => {
    const response = await decode([sealed('abc'), sealed('xyz'), {}]);
    expect(response.status).toBe(200);
    expect(response.body).toEqual({
      payloads: ['cba', 'zyx', ''].map((text) => ({ metadata: { encoding: plain }, data: base64(text) })),
    });
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it('takes the token as part of the path too', async () => {
    const response = await decode([sealed('abc')], `/api/v1/codec/${token}/decode`, null);
    expect(response.status).toBe(200);
    expect(response.body).toEqual({ payloads: [{ metadata: { encoding: plain }, data: base64('cba') }] });
  });

  it.each<[string, string, string | null]>([
    ['no token', '/api/v1/codec/decode', null],
    ['another bearer token', '/api/v1/codec/decode', 'other'],
    ['another token in the path', '/api/v1/codec/other/decode', null],
    ['a wrong bearer beside the right path', `/api/v1/codec/${token}/decode`, 'other'],
  ])('refuses %s', async (_name, path, bearer) => {
    const response = await decode([sealed('abc')], path, bearer);
    expectError(response, { code: 'UNAUTHORIZED' });
    expect(response.headers['www-authenticate']).toBe('Bearer');
    expect(response.text).not.toContain(base64('cba'));
  });

  it('says so when the key is destroyed, and still shows the rest', async () => {
    const { status, body } = await decode([sealed('gone'), sealed('abc')]);
    const [gone, rest] = (body as { payloads: { metadata: object; data: string }[] }).payloads;
    expect([status, rest!.data, gone!.metadata]).toEqual([200, base64('cba'), { encoding: plain }]);
    expect(JSON.parse(Buffer.from(gone!.data, 'base64').toString())).toEqual({
      destroyed: 'the retention of this run is over and its key destroyed',
    });
  });

  it('says which payload is not what was sealed, and shows the others', async () => {
    const { body } = await decode([sealed('tampered'), sealed('abc')]);
    const [tampered, sound] = (body as { payloads: { data: string }[] }).payloads;
    expect(JSON.parse(Buffer.from(tampered!.data, 'base64').toString())).toEqual({
      tampered: expect.any(String),
    });
    expect(sound!.data).toBe(base64('cba'));
  });

  it('does not pass another failure off as a destroyed key', async () => {
    const response = await decode([sealed('broken')]);
    expectError(response, { code: 'INTERNAL_ERROR' });
    expect(response.text).not.toContain('zq9');
  });

  it.each([
    ['no list', 'abc', 'payloads'],
    ['data that is not base64', [{ data: '*' }], 'payloads[0].data'],
    ['more than a thousand', Array.from({ length: 1001 }, () => ({})), 'payloads'],
  ])('refuses %s', async (_name, payloads, at) => {
    expectError(await decode(payloads), { detail: 'validation_failed', paths: [at] });
  });

  it('refuses what is not JSON', async () => {
    const response = await request(await withCodec())
      .post('/api/v1/codec/decode')
      .set({ Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' })
      .send('{');
    expectError(response, { detail: 'invalid_json' });
  });

  it('lets in the pages of the allowed origins only', async () => {
    const preflight = async (from: string) =>
      (
        await request(await withCodec())
          .options('/api/v1/codec/decode')
          .set({ Origin: from, 'Access-Control-Request-Method': 'POST' })
      ).headers;
    expect(await preflight(origin)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-headers': 'content-type,authorization,x-namespace',
    });
    expect(await preflight('http://127.0.0.1:1')).not.toHaveProperty('access-control-allow-origin');
  });

  it('reads no body of whoever has not shown the token, and says nothing of origins elsewhere', async () => {
    const app = await withCodec();
    const sent = request(app).post('/api/v1/codec/decode').set('Content-Type', 'application/json');
    expect((await sent.send('{ no json')).status).toBe(401);
    const elsewhere = await request(app).get('/api/v1/detectors').set('Origin', origin);
    expect(elsewhere.headers).not.toHaveProperty('access-control-allow-origin');
  });

  describe('asks others than the bearer of its token for what every route asks for', () => {
    const operated: Operation[] = [];
    const who = (fields: Partial<Identity>): Identity => ({
      ...anonymous,
      method: 'api_key',
      tokenId: 'k',
      ...fields,
    });
    const callers: Readonly<Record<string, Identity>> = {
      platform: who({ subject: 'key:platform' }),
      operator: who({ roles: ['operator'], grants: ['orchestrate:write'] }),
      acme: who({ subject: 'key:acme', tenantId: 'acme', roles: ['admin'] }),
      globex: who({ tenantId: 'globex', roles: ['admin'] }),
    };
    const authenticate = ({ apiKey, authorization }: Credentials): Promise<Identity> => {
      const identity = callers[apiKey ?? authorization?.slice('Bearer '.length) ?? ''];
      if (identity) return Promise.resolve(identity);
      return Promise.reject(new ConclaveError('UNAUTHORIZED', 'who?', { detail: 'unknown_credential' }));
    };
    const guarded = async (text: string, headers: Record<string, string>, path = '/api/v1/codec/decode') =>
      request(
        await appWith({
          codec: { payloads: reader, token, origins: [] },
          authenticate,
          perCredential: 1,
          operated: async (operation) => void operated.push(operation),
        }),
      )
        .post(path)
        .set(headers)
        .send({ payloads: [sealed(text)] });
    beforeEach(() => (operated.length = 0));

    it.each([
      ['nobody', {}, 401],
      ['a wrong credential', { 'X-API-Key': 'none' }, 401],
      ['the token as an API key', { 'X-API-Key': token }, 401],
      ['a caller without the permission', { 'X-API-Key': 'operator' }, 403],
      ['another tenant', { 'X-API-Key': 'globex' }, 404],
      ['a tenant that names another', { 'X-API-Key': 'acme', 'X-Tenant-ID': 'globex' }, 403],
      [
        'whoever restricts itself to another tenant',
        { 'X-API-Key': 'platform', 'X-Tenant-ID': 'globex' },
        404,
      ],
    ])('and refuses %s [11.2] [C.9]', async (_who, headers, status) => {
      const response = await guarded('abc', headers);
      expect(response.status).toBe(status);
      expect(response.text).not.toContain(base64('cba'));
    });

    it('and gives a tenant what is its own, not what is the service’s', async () => {
      expect((await guarded('abc', { 'X-API-Key': 'acme' })).status).toBe(200);
      expect((await guarded('abc', { Authorization: 'Bearer acme' })).status).toBe(200);
      expectError(await guarded('service', { 'X-API-Key': 'acme' }), {
        status: 404,
        detail: 'run_not_found',
      });
      expect((await guarded('service', { 'X-API-Key': 'platform' })).status).toBe(200);
    });

    it('takes a credential in the path where it takes the token', async () => {
      expect((await guarded('abc', {}, '/api/v1/codec/acme/decode')).status).toBe(200);
    });

    it('and counts their calls', async () => {
      const app = await appWith({
        codec: { payloads: reader, token, origins: [] },
        authenticate,
        perCredential: 1,
      });
      const ask = () =>
        request(app).post('/api/v1/codec/decode').set('X-API-Key', 'acme').send({ payloads: [] });
      expect([(await ask()).status, (await ask()).status]).toEqual([200, 403]);
    });

    it('and puts each on record with its runs, in the chain of their tenant; never the token [F.14]', async () => {
      const response = await guarded('abc', {}, `/api/v1/codec/${token}/decode`);
      expect(response.status).toBe(200);
      expect(operated).toMatchObject([
        {
          actor: { subject: 'codec-token', roles: ['super_admin'] },
          tenantId: 'acme',
          action: 'POST /codec/:token/decode',
          target: { runs: ['run-of-abc'] },
          status: 200,
          requestId: response.headers['x-request-id'],
        },
      ]);
      await guarded('broken', {}, `/api/v1/codec/${token}/decode`);
      await guarded('abc', { 'X-API-Key': 'globex' });
      expect(operated.slice(1)).toMatchObject([
        { status: 500, error: 'INTERNAL_ERROR' },
        { tenantId: 'globex', status: 404, error: 'run_not_found', target: {} },
      ]);
      expect(JSON.stringify(operated)).not.toContain(token);
    });

    it('and shows nothing that cannot be put on record [F.14]', async () => {
      const app = await appWith({
        codec: { payloads: reader, token, origins: [] },
        operated: () => Promise.reject(new Error('the store is away')),
      });
      const response = await request(app)
        .post('/api/v1/codec/decode')
        .set('Authorization', `Bearer ${token}`)
        .send({ payloads: [sealed('abc')] });
      expectError(response, { code: 'INTERNAL_ERROR', detail: 'not_on_record' });
      expect(response.text).not.toContain(base64('cba'));
    });
  });

  it('is not there without a token', async () => {
    const response = await request(await appWith())
      .post('/api/v1/codec/decode')
      .send({ payloads: [] });
    expectError(response, { status: 404, detail: 'route_not_found' });
  });
});
