import { type RawHeaders, valuesOf } from '../../../src/proxy/headers';
import { TokenEndpoint } from '../../support/token-endpoint';
import { gateway } from './support';

describe('Headers through the proxy', () => {
  const { upstream, directory, send, address } = gateway();
  const seen = () => upstream.seen.at(-1)!;

  it('drops those of the connection, and those that Connection names [P3]', async () => {
    directory.put({ name: 'users', url: upstream.url });
    await raw([
      ...['Keep-Alive', 'timeout=5', 'TE', 'trailers', 'Trailers', 'X-Sum', 'Proxy-Authorization', 'Basic x'],
      ...['Proxy-Connection', 'keep-alive', 'X-Kept', 'a', 'X-KEPT', 'b', 'X-Other', 'c'],
    ]);
    const names = Object.keys(seen().headers);
    for (const gone of ['keep-alive', 'te', 'trailers', 'proxy-authorization', 'proxy-connection']) {
      expect(names).not.toContain(gone);
    }
    expect(valuesOf(seen().rawHeaders, 'x-kept')).toEqual(['a', 'b']);
    expect(seen().headers['x-other']).toBe('c');
  });

  it('drops what Connection names [P3]', async () => {
    directory.put({ name: 'users', url: upstream.url });
    await raw(['Connection', 'keep-alive, X-Secret-Hop', 'X-Secret-Hop', 'x', 'X-Kept', 'y']);
    expect(seen().headers['x-secret-hop']).toBeUndefined();
    expect(seen().headers['x-kept']).toBe('y');
  });

  it('lets credentials, content type, cookies and repeated headers cross [P3]', async () => {
    directory.put({ name: 'users', url: upstream.url, auth_type: 'bearer_token' });
    await send('/proxy/users', {
      headers: [
        ...['Authorization', 'Bearer theirs', 'X-API-Key', 'key', 'Cookie', 'a=1'],
        ...['Accept', 'text/html', 'Accept', 'application/json', 'Content-Type', 'x/y'],
      ],
    });
    expect(seen().headers).toMatchObject({
      authorization: 'Bearer theirs',
      'x-api-key': 'key',
      cookie: 'a=1',
      'content-type': 'x/y',
    });
    expect(valuesOf(seen().rawHeaders, 'accept')).toEqual(['text/html', 'application/json']);
  });

  it('names the target as host, continues the chain of proxies, and identifies the request', async () => {
    directory.put({ name: 'users', url: upstream.url });
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const answer = await send('/proxy/users', {
      headers: {
        host: 'public.example',
        'x-forwarded-for': '203.0.113.7',
        'x-forwarded-proto': 'https',
        'x-request-id': 'made-up',
        'x-correlation-id': 'corr-1',
        traceparent,
      },
    });
    expect(seen().headers).toMatchObject({
      host: new URL(upstream.url).host,
      'x-forwarded-for': '203.0.113.7, 127.0.0.1',
      'x-forwarded-proto': 'https, http',
      'x-forwarded-host': 'public.example',
      'x-correlation-id': 'corr-1',
      'x-request-id': answer.headers['x-request-id'],
      traceparent,
    });
    await send('/proxy/users');
    expect(seen().headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it('keeps status, headers and bytes of the answer, and adds what the contract says [P5]', async () => {
    directory.put({ name: 'users', url: upstream.url });
    const body = Buffer.from([0, 255, 128, 13, 10]);
    upstream.answer(
      418,
      [
        ...[
          'Content-Type',
          'image/x',
          'Set-Cookie',
          'a=1',
          'Set-Cookie',
          'b=2',
          'ETag',
          '"1"',
          'Server',
          'nginx',
        ],
        ...[
          'Content-Encoding',
          'gzip',
          'Content-Length',
          '5',
          'Keep-Alive',
          'timeout=77',
          'X-Response-Time',
          '9s',
        ],
        ...['X-Hop', '1', 'Connection', 'keep-alive, X-Hop'],
      ],
      body,
    );
    const answer = await raw([]);
    expect(answer.status).toBe(418);
    expect(answer.body.equals(body)).toBe(true);
    const of = (name: string) => valuesOf(answer.headers, name);
    expect(of('set-cookie')).toEqual(['a=1', 'b=2']);
    expect([of('content-type'), of('etag'), of('content-encoding'), of('content-length')]).toEqual([
      ['image/x'],
      ['"1"'],
      ['gzip'],
      ['5'],
    ]);
    expect([of('server'), of('x-hop'), of('cache-control')]).toEqual([[], [], []]);
    expect(of('keep-alive')).not.toContain('timeout=77');
    expect(of('x-orchestrated-by')).toEqual(['orchestrator-gateway']);
    expect(of('x-endpoint-id')).toEqual(['users']);
    expect(of('x-response-time')).toEqual([expect.stringMatching(/^\d+\.\d{3}s$/)]);
    expect([of('x-request-id').length, of('x-correlation-id').length]).toEqual([1, 1]);
  });

  it.each([204, 304, 301, 500])('passes %d on unchanged', async (status) => {
    directory.put({ name: 'users', url: upstream.url });
    upstream.answer(status, { location: '/elsewhere' });
    const answer = await send('/proxy/users');
    expect([answer.status, answer.headers['location']]).toEqual([status, '/elsewhere']);
    expect(upstream.seen).toHaveLength(1);
  });

  it('changes prefix, headers and query as the transform says [P7]', async () => {
    directory.put({
      name: 'users',
      url: `${upstream.url}/base`,
      transform: {
        strip_prefix: '/v1',
        add_prefix: '/api',
        set_headers: { 'X-Set': 'ours' },
        remove_headers: ['X-Gone'],
        set_query: { set: 'a b' },
        remove_query: ['gone'],
        response_set_headers: { 'X-Answer': 'ours' },
        response_remove_headers: ['X-Internal'],
      },
    });
    upstream.answer(200, { 'x-internal': '1', 'x-answer': 'theirs' });
    const answer = await send('/proxy/users/v1/x?a=1&gone=1&set=2&g%6Fne=3&a=2', {
      headers: { 'x-set': 'theirs', 'x-gone': '1' },
    });
    expect(seen().url).toBe('/base/api/x?a=1&a=2&set=a%20b');
    expect(seen().headers).toMatchObject({ 'x-set': 'ours' });
    expect(seen().headers['x-gone']).toBeUndefined();
    expect(answer.headers).toMatchObject({ 'x-answer': 'ours' });
    expect(answer.headers['x-internal']).toBeUndefined();
    await send('/proxy/users/v10/x');
    expect(seen().url).toBe('/base/api/v10/x?set=a%20b');
  });

  describe('credentials of ours', () => {
    const issuer = new TokenEndpoint();
    afterAll(() => issuer.close());

    it.each([
      ['api_key', { header: 'X-Key', secret_ref: 'env:KEY' }, 'x-key', 'key'],
      ['bearer_token', { secret_ref: 'env:KEY' }, 'authorization', 'Bearer key'],
      [
        'basic_auth',
        { username_ref: 'env:USER', password_ref: 'env:PASS' },
        'authorization',
        `Basic ${Buffer.from('user:pass').toString('base64')}`,
      ],
    ] as const)('%s replace those of the caller', async (auth_type, auth_config, header, value) => {
      directory.put({ name: 'users', url: upstream.url, auth_type, auth_config });
      await send('/proxy/users', { headers: { [header]: 'theirs' } });
      expect(seen().headers[header]).toBe(value);
    });

    it('of OAuth2 are fetched anew once after a 401; a request with a body is not repeated', async () => {
      const auth_config = {
        token_url: await issuer.listen(),
        client_id_ref: 'env:ID',
        client_secret_ref: 'env:SECRET',
      };
      directory.put({
        name: 'users',
        url: upstream.url,
        methods: ['GET', 'POST'],
        auth_type: 'oauth2',
        auth_config,
      });
      upstream.answer(401);
      expect((await send('/proxy/users')).status).toBe(401);
      expect(upstream.seen.map(({ headers }) => headers.authorization)).toEqual([
        'Bearer token-1',
        'Bearer token-2',
      ]);
      upstream.seen.splice(0);
      expect((await send('/proxy/users', { method: 'POST', body: 'x' })).status).toBe(401);
      expect(upstream.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-2']);
    });

    it('that cannot be had are a 502 that names nothing', async () => {
      directory.put({
        name: 'users',
        url: upstream.url,
        auth_type: 'bearer_token',
        auth_config: { secret_ref: 'file:/no/such/secret' },
      });
      const answer = await send('/proxy/users');
      expect([answer.status, answer.json['code'], answer.text.includes('no/such')]).toEqual([
        502,
        'UPSTREAM_UNREACHABLE',
        false,
      ]);
    });
  });

  /** As it is on the wire. */
  async function raw(headers: RawHeaders) {
    const { request } = await import('node:http');
    return new Promise<{ status: number; headers: RawHeaders; body: Buffer }>((resolve, reject) => {
      const outgoing = request(`${address.url}/api/v1/proxy/users`, {
        headers: [...headers, 'Host', 'x'] as never,
      });
      outgoing.on('error', reject).on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            headers: response.rawHeaders,
            body: Buffer.concat(chunks),
          }),
        );
      });
      outgoing.end();
    });
  }
});
