import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import {
  bodyLimit,
  emoji,
  metadataOfBytes,
  metadataOfDepth,
  png,
  startForInput,
} from '../../support/refusals';
import type { System } from '../../support/system';

let system: System;
beforeAll(async () => {
  system = await startForInput();
});
afterAll(() => system?.stop());

const post = (body: unknown, headers: Record<string, string> = {}) =>
  system.request('POST', '/orchestrate', body, headers);

describe('Input at its limits', () => {
  beforeEach(() => system.detectors.reset());

  const good: [claim: string, overrides: () => Record<string, unknown>][] = [
    ['content of one character', () => ({ content: 'x' })],
    ['content of 50,000 characters', () => ({ content: randomUUID().padEnd(50_000, 'x') })],
    ['content of 50,000 emoji', () => ({ content: emoji.repeat(50_000) })],
    [
      'content of controls, marks and right-to-left text',
      () => ({ content: 'a\u0001\u001f\u202eشâ\ufffe\u200d' }),
    ],
    ['an image', () => ({ content: png, content_type: 'image' })],
    ['an image as data URL', () => ({ content: `data:image/png;base64,${png}`, content_type: 'image' })],
    ['metadata of exactly 16 KiB', () => ({ metadata: metadataOfBytes(16 * 1024) })],
    ['metadata of five levels', () => ({ metadata: metadataOfDepth(5) })],
    ['empty metadata and lists', () => ({ metadata: {}, required_detectors: [], excluded_detectors: [] })],
    [
      'null for everything optional',
      () => ({
        processing_mode: null,
        priority: null,
        metadata: null,
        required_detectors: null,
        excluded_detectors: null,
      }),
    ],
    [
      'keys in metadata that objects inherit',
      () => ({ metadata: { constructor: 1, toString: { valueOf: 2 } } }),
    ],
  ];
  it.each(good)('accepts %s', async (_claim, overrides) => {
    const body = system.body(overrides());
    const answer = await post(body);
    expect(answer.status).toBe(200);
    expect(system.detectors.callsOf('a').at(-1)!.contents).toEqual([body['content']]);
  });

  it('accepts a body of exactly 10 MiB', async () => {
    expect((await post(JSON.stringify(system.body()).padEnd(bodyLimit))).status).toBe(200);
  });

  it('accepts a packed body, a byte order mark and a character set in the content type', async () => {
    const text = JSON.stringify(system.body());
    expect((await post(gzipSync(text), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect((await post(`\ufeff${text}`)).status).toBe(200);
    expect((await post(text, { 'content-type': 'Application/JSON; charset=UTF-8' })).status).toBe(200);
  });

  it('takes the wrong sort of text for what it is declared as, and notes what it looks like [5.1]', async () => {
    const { body } = await system.orchestrate({ content: 'const x = 1;\nreturn x;', content_type: 'text' });
    expect(body.routing_decision.routing_reason).toMatch(/inferred=code; ?content_type_mismatch/);
  });

  it('passes the tenant, correlation id and trace on, and echoes them', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await system.orchestrate(
      {},
      { 'X-Tenant-ID': 'demo', 'X-Correlation-ID': 'caller-7', traceparent },
    );
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-correlation-id')).toBe('caller-7');
    expect(answer.headers.get('traceparent')).toBe(traceparent);
    expect(answer.body.correlation_id).toBe('caller-7');
    expect(answer.headers.get('x-request-id')).toBe(answer.body.request_id);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-cache')).toBe('MISS');
    const [call] = system.detectors.callsOf('a');
    expect(call!.headers).toMatchObject({ 'x-correlation-id': 'caller-7', 'x-tenant-id': 'demo' });
  });

  it.each(['', 'two words', 'x'.repeat(129), 'ü'])(
    'makes an id in place of the correlation id "%s"',
    async (id) => {
      const answer = await system.orchestrate({}, { 'X-Correlation-ID': id, traceparent: 'nonsense' });
      expect(answer.status).toBe(200);
      expect(answer.body.correlation_id).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.headers.get('x-correlation-id')).toBe(answer.body.correlation_id);
      expect(answer.headers.get('traceparent')).toBeNull();
    },
  );
});
