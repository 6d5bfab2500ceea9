import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expectContractError, type ExpectedError } from '../../support/contract-error';
import { eventually } from '../../support/eventually';
import { System } from '../../support/system';
import { rowsOf, workflowsOf } from '../../support/traces';

/** Stands in refused values; no answer may repeat it. */
const marker = 'zq9-never-echoed';
const bodyLimit = 10 * 1024 * 1024;
const emoji = '😀';
const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').toString('base64');

let system: System;
beforeAll(async () => {
  system = await System.start({
    detectors: [
      {
        name: 'a',
        capabilities: { supported_content_types: ['text', 'image', 'document', 'code'] },
      },
      'b',
    ],
    policies: { 'demo/default': { policy: { required_detectors: ['a'] } } },
  });
});
afterAll(() => system?.stop());

const post = (body: unknown, headers: Record<string, string> = {}) =>
  system.request('POST', '/orchestrate', body, headers);

/** The good body with one value written as raw JSON in place of a field's. */
function rawWith(field: string, json: string): string {
  return JSON.stringify({ ...system.body(), [field]: '\u0001' }).replace('"\\u0001"', json);
}

/** The good body with raw JSON members added. */
function rawPlus(members: string): string {
  return `${JSON.stringify(system.body()).slice(0, -1)},${members}}`;
}

function nestedLists(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

function metadataOfBytes(bytes: number): Record<string, string> {
  return { k: 'x'.repeat(bytes - JSON.stringify({ k: '' }).length) };
}

function metadataOfDepth(depth: number): unknown {
  return depth === 0 ? 1 : { a: metadataOfDepth(depth - 1) };
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `d${index}`);

describe('Bad input', () => {
  beforeEach(() => system.detectors.reset());

  /** What every refusal has in common: the contract's body, no echo, no trace. */
  async function expectRefusal(answer: Awaited<ReturnType<typeof post>>, expected: ExpectedError) {
    const body = expectContractError(answer, expected);
    expect(answer.text).not.toContain(marker);
    expect(answer.text.length).toBeLessThan(20_000);
    expect(await rowsOf(system)).toBe(0);
    expect(system.detectors.calls).toHaveLength(0);
    return body;
  }

  const required = ['content', 'content_type', 'tenant_id', 'policy_bundle', 'environment'];
  it.each(required)('refuses a request without %s, and with null for it', async (field) => {
    for (const value of [undefined, null]) {
      const { field_errors } = await expectRefusal(await post(system.body({ [field]: value })), {
        detail: 'validation_failed',
      });
      expect(field_errors).toEqual([{ path: field, message: 'is required' }]);
    }
  });

  const fields: Record<string, 'string' | 'object' | 'list'> = {
    ...Object.fromEntries(required.map((field) => [field, 'string'] as const)),
    processing_mode: 'string',
    priority: 'string',
    metadata: 'object',
    required_detectors: 'list',
    excluded_detectors: 'list',
  };
  it.each(Object.entries(fields))('refuses %s of another type than %s', async (field, kind) => {
    const values: Record<string, unknown> = { string: marker, object: { a: marker }, list: [marker] };
    const wrong = Object.entries(values).flatMap(([name, value]) => (name === kind ? [] : [value]));
    for (const value of [...wrong, 5, true]) {
      const { field_errors } = await expectRefusal(await post(system.body({ [field]: value })), {
        detail: 'validation_failed',
        paths: [field],
      });
      expect(field_errors[0]!.message).toMatch(/^must be /);
    }
  });

  const beyond: [claim: string, overrides: () => Record<string, unknown>, path: string][] = [
    ['empty content', () => ({ content: '' }), 'content'],
    ['blank content', () => ({ content: ' \t\n\u3000\u00a0' }), 'content'],
    ['content of 50,001 characters', () => ({ content: 'x'.repeat(50_001) }), 'content'],
    ['content of 50,001 emoji', () => ({ content: emoji.repeat(50_001) }), 'content'],
    ['content with NUL', () => ({ content: `a\0${marker}` }), 'content'],
    ['an unknown content_type', () => ({ content_type: marker }), 'content_type'],
    ['a content_type in capitals', () => ({ content_type: 'TEXT' }), 'content_type'],
    ['an empty tenant_id', () => ({ tenant_id: '' }), 'tenant_id'],
    ['a tenant_id of 65 characters', () => ({ tenant_id: 't'.repeat(65) }), 'tenant_id'],
    ['a tenant_id with a space', () => ({ tenant_id: `${marker} x` }), 'tenant_id'],
    ['a tenant_id with an umlaut', () => ({ tenant_id: 'tenänt' }), 'tenant_id'],
    ['a tenant_id with a line break at its end', () => ({ tenant_id: 'demo\n' }), 'tenant_id'],
    ['an empty policy_bundle', () => ({ policy_bundle: '' }), 'policy_bundle'],
    ['a policy_bundle of 101 characters', () => ({ policy_bundle: 'p'.repeat(101) }), 'policy_bundle'],
    ['a policy_bundle that begins with a dot', () => ({ policy_bundle: '.default' }), 'policy_bundle'],
    ['a policy_bundle that is a path', () => ({ policy_bundle: `../${marker}` }), 'policy_bundle'],
    ['an unknown environment', () => ({ environment: marker }), 'environment'],
    ['an unknown processing_mode', () => ({ processing_mode: marker }), 'processing_mode'],
    ['an unknown priority', () => ({ priority: marker }), 'priority'],
    ['metadata of 16 KiB and a byte', () => ({ metadata: metadataOfBytes(16 * 1024 + 1) }), 'metadata'],
    ['metadata of 16 KiB in emoji', () => ({ metadata: { k: emoji.repeat(4096) } }), 'metadata'],
    ['metadata of six levels', () => ({ metadata: metadataOfDepth(6) }), 'metadata'],
    ['21 required detectors', () => ({ required_detectors: names(21) }), 'required_detectors'],
    ['21 excluded detectors', () => ({ excluded_detectors: names(21) }), 'excluded_detectors'],
    ['a required detector twice', () => ({ required_detectors: ['a', 'b', 'a'] }), 'required_detectors'],
    ['an excluded detector twice', () => ({ excluded_detectors: ['a', 'a'] }), 'excluded_detectors'],
    [
      'a detector name with a slash',
      () => ({ required_detectors: ['a', `x/${marker}`] }),
      'required_detectors[1]',
    ],
    ['a detector name that is no text', () => ({ excluded_detectors: ['a', null] }), 'excluded_detectors[1]'],
    [
      'a detector both required and excluded',
      () => ({ required_detectors: ['a'], excluded_detectors: ['b', 'a'] }),
      'excluded_detectors[1]',
    ],
    ['an unknown key', () => ({ extra: marker }), 'extra'],
    ['a known key in other letters', () => ({ Content: marker }), 'Content'],
    ['keys that objects inherit', () => ({ constructor: marker, toString: marker }), 'constructor'],
  ];
  it.each(beyond)('refuses %s, naming the field', async (_claim, overrides, path) => {
    await expectRefusal(await post(system.body(overrides())), { detail: 'validation_failed', paths: [path] });
  });

  it('refuses an unknown key of 9 MiB without repeating it', async () => {
    await expectRefusal(await post(system.body({ ['k'.repeat(9 * 1024 * 1024)]: 1 })), {
      detail: 'validation_failed',
    });
  });

  it('names at most fifty fields, however many are wrong', async () => {
    const extra = Object.fromEntries(names(300).map((name) => [name, marker]));
    const { field_errors } = await expectRefusal(await post(system.body(extra)), {});
    expect(field_errors).toHaveLength(50);
  });

  it.each([
    ['required_detectors', ['a', 'nobody-knows-me'], 'required_detectors[1]'],
    ['excluded_detectors', ['nobody-knows-me'], 'excluded_detectors[0]'],
  ])('refuses a detector in %s that is not registered', async (field, value, path) => {
    await expectRefusal(await post(system.body({ [field]: value })), {
      detail: 'unknown_detector',
      paths: [path],
    });
  });

  const odd: [claim: string, body: () => string | Buffer, detail: string, path: string | null][] = [
    ['an empty body', () => '', 'body_missing', null],
    ['text', () => marker, 'invalid_json', null],
    ['half an object', () => JSON.stringify(system.body()).slice(0, -1), 'invalid_json', null],
    ['a trailing comma', () => rawPlus('').replace(',}', ',}'), 'invalid_json', null],
    ['a comment', () => `/* ${marker} */ ${JSON.stringify(system.body())}`, 'invalid_json', null],
    ['two documents', () => JSON.stringify(system.body()).repeat(2), 'invalid_json', null],
    ['NaN', () => rawPlus('"metadata":{"n":NaN}'), 'invalid_json', null],
    ['a list', () => '[]', 'validation_failed', ''],
    ['null', () => 'null', 'validation_failed', ''],
    ['a number', () => '5', 'validation_failed', ''],
    [
      'a number beyond all numbers',
      () => rawPlus('"metadata":{"n":1e999}'),
      'validation_failed',
      'metadata.n',
    ],
    [
      'a lone byte of UTF-8',
      () => Buffer.from([...Buffer.from('{"content":"'), 0xc3, 0x22, 0x7d]),
      'invalid_utf8',
      null,
    ],
    ['an overlong UTF-8 form', () => Buffer.from([0x22, 0xc0, 0x80, 0x22]), 'invalid_utf8', null],
    ['a surrogate in UTF-8', () => Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'invalid_utf8', null],
    ['UTF-16', () => Buffer.from(`\ufeff${JSON.stringify(system.body())}`, 'utf16le'), 'invalid_utf8', null],
    ['a high surrogate alone', () => rawWith('content', '"a\\ud83d"'), 'lone_surrogate', 'content'],
    ['a low surrogate alone', () => rawWith('tenant_id', '"\\ude00"'), 'lone_surrogate', 'tenant_id'],
    [
      'surrogates the wrong way round',
      () => rawWith('content', '"\\ude00\\ud83d"'),
      'lone_surrogate',
      'content',
    ],
    [
      'a lone surrogate deep in metadata',
      () => rawPlus('"metadata":{"a":{"b":[1,2,{"c":"\\udfff"}]}}'),
      'lone_surrogate',
      'metadata.a.b[2].c',
    ],
    ['a lone surrogate in a key', () => rawPlus('"metadata":{"\\ud800":1}'), 'lone_surrogate', 'metadata'],
    ['a key twice', () => rawPlus(`"content":"${marker}"`), 'duplicate_key', 'content'],
    ['a key twice, once escaped', () => rawPlus('"c\\u006fntent":"x"'), 'duplicate_key', 'content'],
    [
      'a key twice deep in metadata',
      () => rawPlus('"metadata":{"a":{"b":[1,2,{"c":1,"c":2}]}}'),
      'duplicate_key',
      'metadata.a.b[2].c',
    ],
    ['__proto__', () => rawPlus('"__proto__":{"content":"x"}'), 'reserved_key', '__proto__'],
    [
      '__proto__ in metadata',
      () => rawPlus('"metadata":{"a":{"__proto__":{"x":1}}}'),
      'reserved_key',
      'metadata.a.__proto__',
    ],
    [
      'metadata of 100,000 levels',
      () => rawPlus(`"metadata":{"a":${nestedLists(100_000)}}`),
      'too_deep',
      'metadata',
    ],
    ['a million levels', () => nestedLists(1_000_000), 'too_deep', null],
  ];
  it.each(odd)('refuses a body with %s', async (_claim, body, detail, path) => {
    const { field_errors } = await expectRefusal(await post(body()), { detail });
    if (path !== null) expect(field_errors[0]!.path).toBe(path);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonp',
    'application/json-patch+json',
    'text/json',
    '',
  ])('refuses the content type "%s"', async (type) => {
    await expectRefusal(await post(JSON.stringify(system.body()), { 'content-type': type }), {
      detail: 'content_type_not_json',
    });
  });

  it('refuses a body without any content type', async () => {
    const bytes = new Blob([JSON.stringify(system.body())]);
    const response = await fetch(`${system.url}/api/v1/orchestrate`, { method: 'POST', body: bytes });
    const text = await response.text();
    await expectRefusal(
      { status: response.status, headers: response.headers, text, body: JSON.parse(text) },
      { detail: 'content_type_not_json' },
    );
  });

  it('refuses a request without a body', async () => {
    await expectRefusal(await system.request('POST', '/orchestrate'), { detail: 'body_missing' });
  });

  it('refuses a body of 10 MiB and a byte', async () => {
    const body = JSON.stringify(system.body()).padEnd(bodyLimit + 1);
    await expectRefusal(await post(body), { detail: 'body_too_large' });
  });

  it('refuses a small body that unpacks to more than 10 MiB', async () => {
    const body = gzipSync(JSON.stringify(system.body()).padEnd(bodyLimit + 1));
    await expectRefusal(await post(body, { 'content-encoding': 'gzip' }), { detail: 'body_too_large' });
  });

  it.each(['gzip', 'zip'])('refuses a body that is not the %s it says it is', async (encoding) => {
    await expectRefusal(await post(JSON.stringify(system.body()), { 'content-encoding': encoding }), {
      detail: 'unreadable_body',
    });
  });

  const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');
  it.each([
    ['text', marker],
    ['base64 of text', base64(marker.repeat(10))],
    ['a PNG signature cut short', base64(Buffer.from('89504e47', 'hex'))],
    ['a data URL of SVG', `data:image/svg+xml;base64,${base64('<svg/>')}`],
    ['a data URL without base64', 'data:image/png,abc'],
    ['a PNG and then something else', `${png}!${marker}`],
    ['a WebP container of sound', base64('RIFF\0\0\0\0WAVEfmt ')],
  ])('refuses an image that is %s [5.1]', async (_claim, content) => {
    await expectRefusal(await post(system.body({ content, content_type: 'image' })), {
      detail: 'content_not_an_image',
      paths: ['content'],
    });
  });

  it.each(['document', 'text'])(
    'refuses a PDF sent as %s, saying what to send instead [5.1]',
    async (type) => {
      const content = base64(`%PDF-1.7\n${marker}`);
      const { field_errors } = await expectRefusal(await post(system.body({ content, content_type: type })), {
        detail: 'document_format_unsupported',
        paths: ['content'],
      });
      expect(field_errors[0]!.message).toContain('send its text instead');
    },
  );

  it.each([
    ['an unknown bundle', { policy_bundle: marker }],
    ['an unknown tenant', { tenant_id: marker }],
    ['a bundle named like an object member', { policy_bundle: 'constructor' }],
  ])('answers POLICY_NOT_FOUND for %s', async (_claim, overrides) => {
    await expectRefusal(await post(system.body(overrides)), {
      code: 'POLICY_NOT_FOUND',
      paths: ['policy_bundle'],
    });
  });

  it('refuses a callback_url while there are no callbacks', async () => {
    const metadata = { callback_url: `https://${marker}.example/` };
    await expectRefusal(await post(system.body({ metadata })), {
      detail: 'callback_not_allowed',
      paths: ['metadata.callback_url'],
    });
  });

  it('refuses a tenant header that names another tenant than the body', async () => {
    await expectRefusal(await post(system.body(), { 'X-Tenant-ID': marker }), {
      code: 'INSUFFICIENT_RBAC',
      detail: 'tenant_mismatch',
    });
  });

  it.each(['', 'a b', 'x'.repeat(65), `${marker}!`])('refuses the tenant header "%s"', async (tenant) => {
    await expectRefusal(await post(system.body(), { 'X-Tenant-ID': tenant }), {
      detail: 'invalid_tenant_header',
      paths: ['X-Tenant-ID'],
    });
  });

  it.each(['', `${marker} x`, 'x'.repeat(65), 'schlüssel'])(
    'refuses the Idempotency-Key "%s"',
    async (key) => {
      await expectRefusal(await post(system.body(), { 'Idempotency-Key': key }), {
        detail: 'invalid_idempotency_key',
        paths: ['Idempotency-Key'],
      });
    },
  );

  it.each<Record<string, string>>([
    { 'X-API-Key': marker },
    { Authorization: `Bearer ${marker}` },
    { Authorization: `Basic ${marker}` },
    { 'X-API-Key': '' },
  ])('answers 401 to a credential that nobody knows: %p', async (headers) => {
    const answer = await post(system.body(), headers);
    await expectRefusal(answer, { code: 'UNAUTHORIZED', detail: 'unknown_credential' });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  const unknownJob = `job-${randomUUID()}`;
  it.each([
    ['an unknown key', { extra: marker }, 'extra'],
    ['an unknown choice of detectors', { detectors: marker }, 'detectors'],
    ['an unknown policy', { policy: marker }, 'policy'],
    ['blank content', { content: ' ' }, 'content'],
    ['content that is too long', { content: emoji.repeat(50_001) }, 'content'],
  ])('refuses a re-run with %s', async (_claim, body, path) => {
    await expectRefusal(await system.request('POST', `/orchestrate/jobs/${unknownJob}/rerun`, body), {
      detail: 'validation_failed',
      paths: [path],
    });
  });

  it.each([
    ['GET', `/orchestrate/status/${unknownJob}`],
    ['DELETE', `/orchestrate/status/${unknownJob}`],
    ['GET', `/orchestrate/status/${marker}`],
    ['GET', `/orchestrate/status/${unknownJob.toUpperCase()}`],
    ['DELETE', "/orchestrate/status/'%20or%201=1--"],
    ['POST', `/orchestrate/jobs/${unknownJob}/rerun`],
  ])('answers 404 to %s %s', async (method, route) => {
    await expectRefusal(await system.request(method, route, method === 'POST' ? {} : undefined), {
      status: 404,
      detail: 'job_not_found',
    });
  });

  it('has started nothing in Temporal by any of this, and the next good request works', async () => {
    expect(await rowsOf(system)).toBe(0);
    const { status } = await system.orchestrate();
    expect(status).toBe(200);
    const workflows = await eventually(
      () => workflowsOf(system),
      (count) => count > 0,
    );
    expect(workflows).toBe(1);
  });
});

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
    expect(answer.headers.get('x-cache')).toBe('BYPASS');
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
