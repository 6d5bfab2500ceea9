import { randomUUID } from 'node:crypto';
import {
  emoji,
  expectNothingStarted,
  expectRefusal,
  marker,
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

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `d${index}`);

describe('Bad input', () => {
  beforeEach(() => system.detectors.reset());

  const required = ['content', 'content_type', 'tenant_id', 'policy_bundle', 'environment'];
  it.each(required)('refuses a request without %s, and with null for it', async (field) => {
    for (const value of [undefined, null]) {
      const { field_errors } = await expectRefusal(system, await post(system.body({ [field]: value })), {
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
      const { field_errors } = await expectRefusal(system, await post(system.body({ [field]: value })), {
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
    await expectRefusal(system, await post(system.body(overrides())), {
      detail: 'validation_failed',
      paths: [path],
    });
  });

  it('refuses an unknown key of 9 MiB without repeating it', async () => {
    await expectRefusal(system, await post(system.body({ ['k'.repeat(9 * 1024 * 1024)]: 1 })), {
      detail: 'validation_failed',
    });
  });

  it('names at most fifty fields, however many are wrong', async () => {
    const extra = Object.fromEntries(names(300).map((name) => [name, marker]));
    const { field_errors } = await expectRefusal(system, await post(system.body(extra)), {});
    expect(field_errors).toHaveLength(50);
  });

  it.each([
    ['required_detectors', ['a', 'nobody-knows-me'], 'required_detectors[1]'],
    ['excluded_detectors', ['nobody-knows-me'], 'excluded_detectors[0]'],
  ])('refuses a detector in %s that is not registered', async (field, value, path) => {
    await expectRefusal(system, await post(system.body({ [field]: value })), {
      detail: 'unknown_detector',
      paths: [path],
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
    await expectRefusal(system, await post(system.body({ content, content_type: 'image' })), {
      detail: 'content_not_an_image',
      paths: ['content'],
    });
  });

  it.each([
    ['document', 'document_damaged', 'save it anew'],
    ['text', 'document_format_unsupported', 'content_type document'],
  ])('refuses half a PDF sent as %s, saying what to send instead [5.1]', async (type, detail, remedy) => {
    const content = base64(`%PDF-1.7\n${marker}`);
    const sent = system.body({ content, content_type: type, priority: 'low' });
    const { field_errors } = await expectRefusal(system, await post(sent), { detail, paths: ['content'] });
    expect(field_errors[0]!.message).toContain(remedy);
  });

  it.each([
    ['an unknown bundle', { policy_bundle: marker }],
    ['an unknown tenant', { tenant_id: marker }],
    ['a bundle named like an object member', { policy_bundle: 'constructor' }],
  ])('answers POLICY_NOT_FOUND for %s', async (_claim, overrides) => {
    await expectRefusal(system, await post(system.body(overrides)), {
      code: 'POLICY_NOT_FOUND',
      paths: ['policy_bundle'],
    });
  });

  it('refuses a callback_url while there are no callbacks', async () => {
    const metadata = { callback_url: `https://${marker}.example/` };
    await expectRefusal(system, await post(system.body({ metadata })), {
      detail: 'callback_not_allowed',
      paths: ['metadata.callback_url'],
    });
  });

  it('refuses a tenant header that names another tenant than the body', async () => {
    await expectRefusal(system, await post(system.body(), { 'X-Tenant-ID': marker }), {
      code: 'INSUFFICIENT_RBAC',
      detail: 'tenant_mismatch',
    });
  });

  it.each(['', 'a b', 'x'.repeat(65), `${marker}!`])('refuses the tenant header "%s"', async (tenant) => {
    await expectRefusal(system, await post(system.body(), { 'X-Tenant-ID': tenant }), {
      detail: 'invalid_tenant_header',
      paths: ['X-Tenant-ID'],
    });
  });

  it.each(['', `${marker} x`, 'x'.repeat(65), 'schlüssel'])(
    'refuses the Idempotency-Key "%s"',
    async (key) => {
      await expectRefusal(system, await post(system.body(), { 'Idempotency-Key': key }), {
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
    await expectRefusal(system, answer, { code: 'UNAUTHORIZED', detail: 'unknown_credential' });
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
    await expectRefusal(system, await system.request('POST', `/orchestrate/jobs/${unknownJob}/rerun`, body), {
      detail: 'validation_failed',
      paths: [path],
    });
  });

  it.each([
    ['GET', `/orchestrate/status/${unknownJob}`],
    ['DELETE', `/orchestrate/status/${unknownJob}`],
    ['GET', `/orchestrate/status/${marker}`],
    ['GET', `/orchestrate/status/${unknownJob.toUpperCase()}`],
    ['DELETE', '/orchestrate/status/a%20b'],
    ['POST', `/orchestrate/jobs/${unknownJob}/rerun`],
  ])('answers 404 to %s %s', async (method, route) => {
    await expectRefusal(system, await system.request(method, route, method === 'POST' ? {} : undefined), {
      status: 404,
      detail: 'job_not_found',
    });
  });

  it('has started nothing in Temporal by any of this, and the next good request works', async () => {
    await expectNothingStarted(system);
  });
});
