import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gateway } from './support';

describe('An upstream that fails', () => {
  const gatewayOf = gateway();
  const { upstream, directory, breakers, send } = gatewayOf;

  async function outcome(path = '/proxy/x', method = 'GET') {
    const { status, json } = await send(path, { method });
    const { failures } = breakers.describe('x')!.counts;
    return [status, json['code'], json['retryable'], failures];
  }

  /** Speaks something else than HTTP, or nothing. */
  async function speaking(words: string | null): Promise<{ server: Server; url: string }> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (words === null) socket.destroy();
      else socket.once('data', () => socket.end(words));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  it('by being slow is a 504, after its own time [P6]', async () => {
    upstream.handler = () => undefined;
    directory.put({ name: 'x', url: upstream.url, timeout: 1 });
    const startedAt = Date.now();
    expect(await outcome()).toEqual([504, 'UPSTREAM_TIMEOUT', true, 1]);
    expect(Date.now() - startedAt).toBeLessThan(3000);
  });

  it('by refusing is a 502 [P6]', async () => {
    directory.put({ name: 'x', url: 'http://127.0.0.1:1' });
    expect(await outcome()).toEqual([502, 'UPSTREAM_UNREACHABLE', true, 1]);
  });

  it('by a name that nobody has is a 502 [P6]', async () => {
    directory.put({ name: 'x', url: 'http://nobody.invalid' });
    expect(await outcome()).toEqual([502, 'UPSTREAM_UNREACHABLE', true, 1]);
  });

  it('by hanging up is a 502 [P6]', async () => {
    const { server, url } = await speaking(null);
    directory.put({ name: 'x', url });
    expect(await outcome()).toEqual([502, 'UPSTREAM_UNREACHABLE', true, 1]);
    server.close();
  });

  it.each(['SSH-2.0-OpenSSH\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n', 'HTTP/9.9 ?\r\n\r\n'])(
    'by speaking no HTTP is a 502 of its own: %j [P6]',
    async (words) => {
      const { server, url } = await speaking(words);
      directory.put({ name: 'x', url });
      expect(await outcome()).toEqual([502, 'UPSTREAM_PROTOCOL_ERROR', true, 1]);
      server.close();
    },
  );

  it('by standing where nothing may be called is a 502 that its breaker does not count [P7]', async () => {
    directory.put({ name: 'x', url: upstream.url, allow_private_network: false });
    expect(await outcome()).toEqual([502, 'UPSTREAM_UNREACHABLE', true, 0]);
    expect(upstream.seen).toEqual([]);
  });

  it('with 5xx is passed on, and its breaker counts it', async () => {
    directory.put({ name: 'x', url: upstream.url });
    upstream.answer(503, {}, '{"mine":true}');
    const answer = await send('/proxy/x');
    expect([answer.status, answer.text]).toEqual([503, '{"mine":true}']);
    expect(breakers.describe('x')!.counts.failures).toBe(1);
    upstream.answer(404);
    await send('/proxy/x');
    expect(breakers.describe('x')!.counts).toMatchObject({ failures: 1, successes: 0 });
  });

  it('is never asked for an upgrade', async () => {
    directory.put({ name: 'x', url: upstream.url });
    const { request } = await import('node:http');
    const { address } = gatewayOf;
    const status = await new Promise<number>((resolve, reject) => {
      request(`${address.url}/api/v1/proxy/x`, {
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': 'x',
          'sec-websocket-version': '13',
        },
      })
        .on('response', (response) => resolve(response.resume().statusCode!))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(501);
    expect(upstream.seen).toEqual([]);
  });

  describe('is asked again', () => {
    let asked = 0;
    beforeEach(() => {
      asked = 0;
    });

    /** Hangs up so often, then answers. */
    function failing(times: number): void {
      upstream.handler = (incoming, response) => {
        asked++;
        if (asked <= times) incoming.socket.destroy();
        else response.end('at last');
      };
    }

    it('so often as configured, where nothing of the body was sent', async () => {
      directory.put({ name: 'x', url: upstream.url, methods: ['GET', 'DELETE'], retries: 2 });
      failing(2);
      expect((await send('/proxy/x')).text).toBe('at last');
      expect(asked).toBe(3);
      failing(99);
      asked = 0;
      expect(await outcome('/proxy/x', 'DELETE')).toEqual([502, 'UPSTREAM_UNREACHABLE', true, 1]);
      expect(asked).toBe(3);
    });

    it.each(['POST', 'PATCH'] as const)('never by %s', async (method) => {
      directory.put({ name: 'x', url: upstream.url, methods: [method], retries: 5 });
      failing(1);
      expect((await send('/proxy/x', { method })).status).toBe(502);
      expect(asked).toBe(1);
    });

    it('never with a body', async () => {
      directory.put({ name: 'x', url: upstream.url, methods: ['PUT'], retries: 5 });
      failing(1);
      expect((await send('/proxy/x', { method: 'PUT', body: 'x' })).status).toBe(502);
      expect(asked).toBe(1);
    });

    it('never after the head of an answer', async () => {
      directory.put({ name: 'x', url: upstream.url, retries: 5 });
      upstream.handler = (_incoming, response) => {
        asked++;
        response.writeHead(200, { 'content-length': '10' });
        response.write('some', () => response.socket!.destroy());
      };
      await expect(send('/proxy/x')).rejects.toThrow();
      expect(asked).toBe(1);
    });
  });

  describe('to be where it says', () => {
    beforeEach(() => {
      upstream.handler = (incoming, response) => {
        upstream.seen.push({
          method: incoming.method!,
          url: incoming.url!,
          headers: incoming.headers,
          rawHeaders: incoming.rawHeaders,
          body: '',
        });
        const to = new URL(incoming.url!, 'http://x').searchParams.get('to');
        if (to === null) response.end('found');
        else response.writeHead(302, { location: to }).end();
      };
    });

    it('is not followed, unless it is wanted', async () => {
      directory.put({ name: 'x', url: upstream.url });
      expect((await send('/proxy/x?to=/there')).status).toBe(302);
      directory.put({ name: 'x', url: upstream.url, follow_redirects: true });
      expect((await send('/proxy/x?to=/there')).text).toBe('found');
    });

    it('is followed five times at most, and never with a body', async () => {
      directory.put({ name: 'x', url: upstream.url, methods: ['GET', 'POST'], follow_redirects: true });
      expect((await send('/proxy/x?to=?to=?to=')).status).toBe(302);
      upstream.seen.splice(0);
      expect((await send('/proxy/x?to=/there', { method: 'POST', body: 'x' })).status).toBe(302);
      expect(upstream.seen).toHaveLength(1);
    });

    it('is followed elsewhere without what is confidential', async () => {
      directory.put({
        name: 'x',
        url: upstream.url,
        follow_redirects: true,
        auth_type: 'api_key',
        auth_config: { header: 'X-Own', secret_ref: 'env:KEY' },
        transform: { set_headers: { 'X-Set': 's' } },
      });
      const elsewhere = upstream.url.replace('127.0.0.1', 'localhost');
      const headers = { authorization: 'Bearer x', cookie: 'a=1', 'x-kept': '1' };
      expect((await send(`/proxy/x?to=${encodeURIComponent(`${elsewhere}/there`)}`, { headers })).text).toBe(
        'found',
      );
      const [here, there] = upstream.seen;
      expect(here!.headers).toMatchObject({
        'x-own': 'key',
        authorization: 'Bearer x',
        cookie: 'a=1',
        'x-set': 's',
      });
      expect(there!.headers).toMatchObject({ host: new URL(elsewhere).host, 'x-kept': '1' });
      for (const name of ['x-own', 'authorization', 'cookie', 'x-set'])
        expect(there!.headers[name]).toBeUndefined();
    });

    it('meets the rules of targets there [P7]', async () => {
      directory.put({ name: 'x', url: upstream.url, follow_redirects: true });
      const answer = await send(`/proxy/x?to=${encodeURIComponent('http://169.254.169.254/latest')}`);
      expect([answer.status, answer.json['message']]).toEqual([502, 'the host leads to a metadata service']);
    });
  });
});
