import { urlPathSchema } from '../../../src/contract/url-path';

const host = 'https://detector.example:8443';

describe('A path of an upstream', () => {
  it.each(['/', '/health', '/v1/health?full=1', '/a//b', '/%2F'])('%j stays on its host', (path) => {
    expect(urlPathSchema.parse(path)).toBe(path);
    expect(new URL(path, host).origin).toBe(host);
  });

  it.each(
    [
      ['//other.example/health', '/\\other.example/health', '/\t/other.example', '\t//other.example'],
      ['///', '//[', 'health', '', 'https://other.example', `/${'x'.repeat(2000)}`, '/ä', '/a b'],
    ].flat(),
  )('%j is refused: it would lead elsewhere, or nowhere', (path) => {
    expect(urlPathSchema.safeParse(path).success).toBe(false);
  });
});
