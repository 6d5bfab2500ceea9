import type { Payload } from '@temporalio/common';
import request from 'supertest';
import { RunKeyDestroyedError } from '../../../src/store/key-ring';
import type { PayloadReader } from '../../../src/store/payload-codec';
import { appWith, expectError } from './support';

const token = 'codec-token';
const origin = 'http://127.0.0.1:8233';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const plain = base64('json/plain');
const sealed = (text: string) => ({ metadata: { encoding: base64('binary/encrypted') }, data: base64(text) });

/** Reads a payload by turning it round; the key of what reads `gone` has been destroyed. */
const reader = {
  decode: ([payload]: readonly Payload[]): Promise<Payload[]> => {
    const text = Buffer.from(payload!.data ?? []).toString();
    if (text === 'gone') return Promise.reject(new RunKeyDestroyedError('run-1'));
    if (text === 'broken') return Promise.reject(new Error('zq9'));
    const data = Buffer.from([...text].reverse().join(''));
    return Promise.resolve([{ metadata: { encoding: Buffer.from('json/plain') }, data }]);
  },
} satisfies Pick<PayloadReader, 'decode'> as unknown as PayloadReader;

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
    expectError(response, { detail: 'unreadable_body' });
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

  it('is not there without a token', async () => {
    const response = await request(await appWith())
      .post('/api/v1/codec/decode')
      .send({ payloads: [] });
    expectError(response, { status: 404, detail: 'route_not_found' });
  });
});
