import { endpointSchema } from '../../../src/contract/upstream';
import { targetOf } from '../../../src/proxy/target';

const config = endpointSchema.parse({ url: 'https://h.example/base' });

describe('targetOf', () => {
  it.each([
    ['', '/base'],
    ['/', '/base/'],
    ['/a/b', '/base/a/b'],
    ['/a%2Fb', '/base/a%2Fb'],
    ['/a%20b/%C3%A9', '/base/a%20b/%C3%A9'],
    ['/a/../b', '/base/a/../b'],
    ['/a/./b', '/base/a/./b'],
    ['/a..b/...', '/base/a..b/...'],
    ['/100%25', '/base/100%25'],
    ["/a:b@c!$&'()*+,;=~", "/base/a:b@c!$&'()*+,;=~"],
  ])('keeps %s as it came', (rest, path) => {
    expect(targetOf(config, rest, '')).toEqual({ origin: 'https://h.example', path });
  });

  it.each([
    '/..',
    '/../x',
    '/a/../../x',
    '/%2e%2e/x',
    '/%2E%2e/x',
    '/.%2e/x',
    '/%252e%252e/x',
    '/%25252e%25252e/x',
    '/..%2fx',
    '/a/..%2f..%2fx',
    '/a%2f..%2f..',
    '/a%2fb/../..',
    '/x%5cy%5cz/..%2f..%2f..',
    '/..%5cx',
    '/..\\x',
    '/a\\..\\..\\x',
    '/..;/x',
    '/..;a=b/x',
    '/%2e%2e%3b/x',
    '/a%00b',
    '/a#b',
    '/a\u00e9',
    '/a b',
  ])('refuses %s [P7]', (rest) => {
    expect(() => targetOf(config, rest, '')).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST', status: 400 }),
    );
  });
});
