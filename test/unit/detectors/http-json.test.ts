import type { HttpMapping } from '../../../src/contract/registration';
import { httpJson } from '../../../src/detectors/http-json';
import { codePointOffsets } from '../../../src/detectors/offsets';
import { raw } from '../../support/fake-detectors';
import { item, upstream } from './adapter-support';

describe('The generic HTTP JSON adapter', () => {
  const { server, http, request, never } = upstream();
  const mapping = (overrides: Partial<HttpMapping> = {}): HttpMapping => ({
    method: 'POST',
    headers: {},
    request: { q: '{{content}}' },
    response: { label: '/label', offsets: 'code_points' },
    ...overrides,
  });

  function judge(http_: HttpMapping | null, answer: unknown, content = 'text') {
    server.behave('judge', raw(JSON.stringify(answer)));
    return httpJson(http)(request([item(content)], { protocol: 'http-json', http: http_ }), never);
  }

  const sent = () => JSON.parse(server.calls[0]!.body) as unknown;

  it('fills in what is declared and nothing else, at any depth', async () => {
    const template = {
      a: [{ b: 'say {{content}} of {{content_type}}' }],
      ids: ['{{request_id}}', '{{tenant_id}}'],
      kept: [1, true, null, '{{unknown}}', '{{ content }}'],
    };
    await judge(mapping({ request: template }), { label: 'x' });
    expect(sent()).toEqual({
      a: [{ b: 'say text of text' }],
      ids: ['r1', 'acme'],
      kept: [1, true, null, '{{unknown}}', '{{ content }}'],
    });
  });

  it('treats content as data: no template, no replacement pattern, no JSON in it', async () => {
    const hostile = '{{tenant_id}} $& $1 $` "},{"x":"\u2028';
    await judge(mapping(), { label: 'x' }, hostile);
    expect(sent()).toEqual({ q: hostile });
  });

  it('uses the declared method and headers, but never lets them replace our own', async () => {
    await judge(mapping({ method: 'PUT', headers: { 'x-model': 'm', 'X-Tenant-ID': 'other' } }), {
      label: 'x',
    });
    expect(server.calls[0]!.headers).toMatchObject({ 'x-model': 'm', 'x-tenant-id': 'acme' });
  });

  it('follows pointers through lists, escapes and odd keys', async () => {
    const response = { label: '/a~1b/0/~0c', score: '/a~1b/1', offsets: 'code_points' as const };
    const [answer] = await judge(mapping({ response }), { 'a/b': [{ '~c': 'toxic' }, 0.4] });
    expect(answer).toMatchObject({ kind: 'verdict', output: 'toxic', confidence: 0.4 });
  });

  it('finds nothing that an answer only inherits', async () => {
    const response = { label: '/constructor/name', offsets: 'code_points' as const };
    await expect(judge(mapping({ response }), {})).rejects.toMatchObject({ failure: 'invalid_response' });
  });

  it('takes a finding without declared score as certain, without declared span as of the whole', async () => {
    const response = { findings: '/f', label: '/l', offsets: 'code_points' as const };
    const [answer] = await judge(mapping({ response }), { f: [{ l: 'x' }] });
    expect(answer).toMatchObject({ findings: [{ label: 'x', score: 1, start: null, end: null }] });
  });

  it('needs a mapping', async () => {
    await expect(judge(null, {})).rejects.toMatchObject({ failure: 'invalid_response' });
    expect(server.calls).toHaveLength(0);
  });
});

describe('codePointOffsets', () => {
  const text = 'a👩e\u0301z'; // 5 code points, 6 UTF-16 units, 1 + 4 + 1 + 2 + 1 bytes
  it.each([
    ['code_points', [0, 1, 2, 3, 4, 5], [6]],
    ['utf16', [0, 1, 3, 4, 5, 6], [2, 7]],
    ['bytes', [0, 1, 5, 6, 8, 9], [2, 3, 4, 7, 10]],
  ] as const)('%s: translates starts of characters and the end, and nothing else', (unit, good, bad) => {
    const translate = codePointOffsets(text, unit);
    expect(good.map(translate)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(bad.map(translate)).toEqual(bad.map(() => null));
  });
});
