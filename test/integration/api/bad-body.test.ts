import { gzipSync } from 'node:zlib';
import {
  bodyLimit,
  expectNothingStarted,
  expectRefusal,
  marker,
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

describe('A bad body', () => {
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
    const { field_errors } = await expectRefusal(system, await post(body()), { detail });
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
    await expectRefusal(system, await post(JSON.stringify(system.body()), { 'content-type': type }), {
      detail: 'content_type_not_json',
    });
  });

  it('refuses a body without any content type', async () => {
    const bytes = new Blob([JSON.stringify(system.body())]);
    const response = await fetch(`${system.url}/api/v1/orchestrate`, { method: 'POST', body: bytes });
    const text = await response.text();
    await expectRefusal(
      system,
      { status: response.status, headers: response.headers, text, body: JSON.parse(text) },
      { detail: 'content_type_not_json' },
    );
  });

  it('refuses a request without a body', async () => {
    await expectRefusal(system, await system.request('POST', '/orchestrate'), { detail: 'body_missing' });
  });

  it('refuses a body of 10 MiB and a byte', async () => {
    const body = JSON.stringify(system.body()).padEnd(bodyLimit + 1);
    await expectRefusal(system, await post(body), { detail: 'body_too_large' });
  });

  it('refuses a small body that unpacks to more than 10 MiB', async () => {
    const body = gzipSync(JSON.stringify(system.body()).padEnd(bodyLimit + 1));
    await expectRefusal(system, await post(body, { 'content-encoding': 'gzip' }), {
      detail: 'body_too_large',
    });
  });

  it.each(['gzip', 'zip'])('refuses a body that is not the %s it says it is', async (encoding) => {
    await expectRefusal(system, await post(JSON.stringify(system.body()), { 'content-encoding': encoding }), {
      detail: 'unreadable_body',
    });
  });

  it('has started nothing in Temporal by any of this, and the next good request works', async () => {
    await expectNothingStarted(system);
  });
});
