import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import request from 'supertest';
import { drain, listen } from '../../../src/api/http-server';
import { exchange, type RawAnswer } from '../../support/raw-http';
import { answerOf, appWith, body } from './support';

let server: Server;
let port: number;
let submitted: string[];

beforeEach(async () => {
  submitted = [];
  const app = await appWith({
    maxBodyBytes: 100_000,
    submit: (accepted) => {
      submitted.push(accepted.request.content);
      return Promise.resolve(answerOf(200));
    },
  });
  server = await listen(app, 0, '127.0.0.1');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => drain(server, 0));

const post = (headers: Readonly<Record<string, string | number>>, path = '/api/v1/orchestrate') =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

const refusal = ({ status, json }: RawAnswer) => [status, json['detail']];

function sent(bytes: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  return exchange(
    port,
    Buffer.concat([Buffer.from(post({ 'Content-Length': bytes.length, ...headers })), bytes]),
  );
}

describe('The server, over a socket', () => {
  it('refuses headers of more than 16 KiB with the error of the contract [F.5]', async () => {
    const answer = await exchange(port, post({ 'X-Long': 'a'.repeat(17_000), 'Content-Length': 0 }));
    expect(refusal(answer)).toEqual([400, 'headers_too_large']);
    expect(answer.closed).toBe(true);
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-request-id': answer.json['request_id'],
    });
  });

  it('refuses more than 100 headers, and drops none unseen', async () => {
    const headers = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`X-${n}`, 'a']));
    const answer = await exchange(port, post({ ...headers, 'Content-Length': 0 }));
    expect(refusal(answer)).toEqual([400, 'too_many_headers']);
  });

  it.each([
    ['what is no HTTP', 'hello, how are you?\r\n\r\n'],
    ['a length that is none', post({ 'Content-Length': 'many' })],
    ['two lengths', `${post({ 'Content-Length': 2 }).trimEnd()}\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length beside chunks', `${post({ 'Content-Length': 2, 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`],
    ['a header folded over lines', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\0d\r\n\r\n'],
    ['a header with NUL', 'GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n'],
  ])('refuses %s, and ends the connection', async (_name, bytes) => {
    const answer = await exchange(port, bytes);
    expect([...refusal(answer), answer.closed]).toEqual([400, 'malformed_request', true]);
  });

  it('does not read on when it has refused a long body, and the answer arrives all the same', async () => {
    let written = 0;
    const answer = await exchange(
      port,
      post({ 'Content-Length': 50_000_000 }, '/api/v1/nowhere'),
      (socket: Socket) => {
        const more = (): void => {
          if (socket.destroyed) return;
          written += 65_536;
          if (socket.write(Buffer.alloc(65_536, 97))) setImmediate(more);
          else socket.once('drain', more);
        };
        // A client that does not look at answers before it has sent everything, for a while.
        for (let n = 0; n < 8; n++) more();
      },
    );
    expect([answer.status, answer.headers['connection'], answer.closed]).toEqual([404, 'close', true]);
    expect(written).toBeLessThan(50_000_000);
  });

  it('ends a connection whose sender is answered and does not send the rest', async () => {
    const answer = await exchange(
      port,
      `${post({ 'Content-Length': 1000 }, '/api/v1/nowhere')}{"a"`,
      () => undefined,
    );
    expect(answer.status).toBe(404);
    expect(answer.headers['connection']).not.toBe('close');
    const idle = await connected(`${post({ 'Content-Length': 1000 }, '/api/v1/nowhere')}{"a"`);
    await idle.ended;
  });

  it('keeps the connection of who has sent all of a short body that is refused', async () => {
    const one = `${post({ 'Content-Length': 2 }, '/api/v1/nowhere')}{}`;
    const { socket, ended, text } = await connected(one + one);
    while (text().split('HTTP/1.1 404').length < 3)
      await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await ended;
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('stops inflating %s where a body may end [F.5]', async (encoding, compress) => {
    const bomb = compress(Buffer.from(JSON.stringify({ ...body, content: 'a'.repeat(20_000_000) })));
    expect(bomb.length).toBeLessThan(100_000);
    const answer = await sent(bomb, { 'Content-Encoding': encoding });
    expect([...refusal(answer), submitted]).toEqual([400, 'body_too_large', []]);
    const small = await sent(compress(Buffer.from(JSON.stringify(body))), { 'Content-Encoding': encoding });
    expect([small.status, submitted]).toEqual([200, [body.content]]);
  });

  it.each(['gzip, gzip', 'compress', 'zstd-of-my-own'])(
    'takes no body in Content-Encoding %s',
    async (encoding) => {
      const answer = await sent(gzipSync(gzipSync(JSON.stringify(body))), { 'Content-Encoding': encoding });
      expect([...refusal(answer), submitted]).toEqual([400, 'unreadable_body', []]);
    },
  );

  it.each(['__proto__', 'constructor', 'toString'])('takes no form with a field %s', async (name) => {
    const form = `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n`;
    const head = `POST /api/v1/orchestrate/content HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${form.length}\r\n\r\n`;
    const answer = await exchange(port, head + form);
    expect(refusal(answer)).toEqual([400, 'validation_failed']);
  });

  it('protects every answer, those of errors too [F.5] [A10]', async () => {
    for (const path of [
      '/api/v1/health/live',
      '/api/v1/nowhere',
      '/api/v1/../x',
      '/api/v1/orchestrate/status/x',
    ]) {
      const { headers } = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'self'",
        'x-frame-options': 'DENY',
        'x-xss-protection': '1; mode=block',
        'referrer-policy': 'strict-origin-when-cross-origin',
      });
      expect(headers).not.toHaveProperty('x-powered-by');
      // Of TLS nothing is known here.
      expect(headers).not.toHaveProperty('strict-transport-security');
    }
  });
});

/** A connection and what has come over it; `ended` when the server has ended it. */
async function connected(bytes: string) {
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (data: string) => (text += data));
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.write(bytes);
  return { socket, ended, text: () => text };
}

describe('Pages of other origins', () => {
  const origin = 'https://console.example.com';
  const preflight = async (corsOrigins: string[], from = origin) =>
    request(await appWith({ corsOrigins }))
      .options('/api/v1/orchestrate')
      .set('Origin', from)
      .set('Access-Control-Request-Method', 'POST');

  it('may call when they are listed, with the methods of the contract', async () => {
    const { headers, status } = await preflight([origin]);
    expect([status, headers]).toMatchObject([
      204,
      {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET,POST,PUT,DELETE,OPTIONS',
        'access-control-max-age': '3600',
        vary: expect.stringContaining('Origin') as string,
      },
    ]);
    const answer = await request(await appWith({ corsOrigins: [origin] }))
      .get('/api/v1/health/live')
      .set('Origin', origin);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
  });

  it.each([
    ['none is listed', [], origin],
    ['another is listed', [origin], 'https://evil.example.com'],
    ['its like is listed', [origin], 'https://console.example.com.evil.example'],
    ['it has none', [origin], 'null'],
  ])('may not when %s', async (_name, listed, from) => {
    const { headers } = await preflight(listed, from);
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });
});
