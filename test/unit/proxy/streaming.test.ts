import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { eventually } from '../../support/eventually';
import { gateway } from './support';

const mib = 1024 * 1024;

/** So many MiB of the same noise, made as they are asked for. */
function noise(mibs: number): Readable {
  const piece = randomBytes(mib);
  return Readable.from(
    (function* () {
      for (let i = 0; i < mibs; i++) yield piece;
    })(),
  );
}

describe('Bodies through the proxy', () => {
  const { upstream, directory, address, breakers, send } = gateway();

  function post(path: string, headers: Record<string, string>) {
    return httpRequest(`${address.url}/api/v1${path}`, { method: 'POST', headers });
  }

  async function digestOf(stream: Readable): Promise<string> {
    const hash = createHash('sha256');
    await pipeline(stream, hash);
    return hash.digest('hex');
  }

  it('of 200 MB pass both ways, chunked, with flat memory [P4]', async () => {
    directory.put({ name: 'files', url: upstream.url, methods: ['POST'], max_body_bytes: 300 * mib });
    let received = '';
    upstream.handler = (incoming, response) => {
      // Comes back as it goes in.
      const hash = createHash('sha256');
      incoming.on('data', (chunk: Buffer) => hash.update(chunk));
      incoming.on('end', () => (received = hash.digest('hex')));
      incoming.pipe(response);
    };
    let peak = 0;
    const before = process.memoryUsage();
    const watch = setInterval(() => {
      const now = process.memoryUsage();
      peak = Math.max(peak, now.arrayBuffers + now.heapUsed - before.arrayBuffers - before.heapUsed);
    }, 20);
    const outgoing = post('/proxy/files', { 'content-type': 'application/octet-stream' });
    const hash = createHash('sha256');
    const source = noise(200).on('data', (chunk: Buffer) => hash.update(chunk));
    const [answered] = await Promise.all([
      once(outgoing, 'response').then(([response]) => digestOf(response as IncomingMessage)),
      pipeline(source, outgoing),
    ]);
    clearInterval(watch);
    const sent = hash.digest('hex');
    expect(received).toBe(sent);
    expect(answered).toBe(sent);
    expect(peak).toBeLessThan(100 * mib);
  });

  it('are read no faster than they are taken: a caller that does not read holds the upstream up', async () => {
    directory.put({ name: 'files', url: upstream.url });
    let produced = 0;
    upstream.handler = (_incoming, response) => {
      void pipeline(
        noise(200).on('data', () => produced++),
        response,
      ).catch(() => undefined);
    };
    const outgoing = httpRequest(`${address.url}/api/v1/proxy/files`).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.pause();
    let last = -1;
    await eventually(
      () => {
        const settled = produced === last;
        last = produced;
        return settled;
      },
      (settled) => settled,
      { everyMs: 300 },
    );
    expect(produced).toBeLessThan(60);
    outgoing.on('error', () => undefined).destroy();
  });

  it('of events are relayed one by one, as they come [P4]', async () => {
    directory.put({ name: 'events', url: upstream.url });
    let next: (event: string) => void = () => undefined;
    upstream.handler = (_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      next = (event) => void (event === '' ? response.end() : response.write(event));
    };
    const outgoing = httpRequest(`${address.url}/api/v1/proxy/events`).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(response.headers['content-type']).toBe('text/event-stream');
    const ended = once(response, 'end');
    for (const event of ['data: 1\n\n', 'data: 2\n\n', ': still here\n\n']) {
      const arrived = once(response, 'data');
      next(event);
      expect(String((await arrived)[0])).toBe(event);
    }
    next('');
    await ended;
  });

  it('are passed on before they are whole', async () => {
    directory.put({ name: 'files', url: upstream.url, methods: ['POST'] });
    const began = new Promise<string>((resolve) => {
      upstream.handler = (incoming, response) => {
        incoming.once('data', (chunk: Buffer) => {
          resolve(chunk.toString());
          incoming.resume().once('end', () => response.end('done'));
        });
      };
    });
    const outgoing = post('/proxy/files', {});
    const response = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    outgoing.write('first');
    expect(await began).toBe('first');
    outgoing.end('last');
    expect((await response)[0].statusCode).toBe(200);
    (await response)[0].resume();
  });

  it('that grow over the cap on their way are refused, and the upstream is left [P9]', async () => {
    directory.put({ name: 'files', url: upstream.url, methods: ['POST'], max_body_bytes: mib });
    const left = new Promise<void>((resolve) => {
      upstream.handler = (incoming) => void incoming.on('close', () => resolve()).resume();
    });
    const outgoing = post('/proxy/files', { 'transfer-encoding': 'chunked' });
    const response = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    const sending = pipeline(noise(3), outgoing).catch(() => undefined);
    const [answer] = await response;
    expect(answer.statusCode).toBe(413);
    answer.resume();
    await left;
    await sending;
    expect(breakers.describe('files')!.counts.failures).toBe(0);
  });

  it('answered early do not hold the connection', async () => {
    directory.put({ name: 'files', url: upstream.url, methods: ['POST'], max_body_bytes: 10 * mib });
    upstream.handler = (_incoming, response) => void response.writeHead(403).end('no');
    const outgoing = post('/proxy/files', {});
    const response = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    const sending = pipeline(noise(5), outgoing).catch(() => undefined);
    const [answer] = await response;
    expect(answer.statusCode).toBe(403);
    answer.resume();
    await sending;
  });

  it('that the caller leaves behind are left at the upstream, and count as nothing [P6]', async () => {
    directory.put({ name: 'slow', url: upstream.url });
    const left = new Promise<void>((resolve) => {
      upstream.handler = (incoming) => void incoming.socket.once('close', () => resolve());
    });
    const asked = new Promise<void>((resolve) => {
      const answer = upstream.handler;
      upstream.handler = (incoming, response) => {
        resolve();
        answer(incoming, response);
      };
    });
    const outgoing = httpRequest(`${address.url}/api/v1/proxy/slow`).on('error', () => undefined);
    outgoing.end();
    await asked;
    const startedAt = Date.now();
    outgoing.destroy();
    await left;
    expect(Date.now() - startedAt).toBeLessThan(1000);
    const { failures, successes } = breakers.describe('slow')!.counts;
    expect([failures, successes]).toEqual([0, 0]);
  });

  it('are left at the upstream when the caller goes in their middle, too [P6]', async () => {
    directory.put({ name: 'endless', url: upstream.url });
    const left = new Promise<void>((resolve) => {
      upstream.handler = (_incoming, response) => {
        response.on('close', () => resolve());
        response.write('some');
      };
    });
    const outgoing = httpRequest(`${address.url}/api/v1/proxy/endless`).on('error', () => undefined);
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    await once(response, 'data');
    outgoing.destroy();
    await left;
    const { failures, successes } = breakers.describe('endless')!.counts;
    expect([failures, successes]).toEqual([0, 0]);
  });

  it.each([
    ['with a length', { 'content-length': '100' }],
    ['chunked', {}],
  ])('that break off at the upstream break off at the caller, %s [P6]', async (_name, headers) => {
    directory.put({ name: `broken${Object.keys(headers).length}`, url: upstream.url });
    upstream.handler = (_incoming, response) => {
      response.writeHead(200, headers as Record<string, string>);
      response.write('some', () => setImmediate(() => response.socket!.destroy()));
    };
    await expect(send(`/proxy/broken${Object.keys(headers).length}`)).rejects.toThrow();
    await eventually(
      () => breakers.describe(`broken${Object.keys(headers).length}`)!.counts.failures,
      (failures) => failures === 1,
    );
  });

  it('that stop coming are cut after the idle timeout [P6]', async () => {
    directory.put({ name: 'stalls', url: upstream.url, idle_timeout: 1 });
    upstream.handler = (_incoming, response) => void response.write('some');
    await expect(send('/proxy/stalls')).rejects.toThrow();
  });
});
