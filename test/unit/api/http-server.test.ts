import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { addressOf, drain, listen } from '../../../src/api/http-server';

const host = '127.0.0.1';

describe('The HTTP server', () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  afterEach(() => agent.destroy());

  async function ask(url: string): Promise<{ answer: string; connection: string | undefined }> {
    const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
    return { answer: await text(response), connection: response.headers.connection };
  }

  /** A server whose answers the test sends. */
  async function withheld() {
    const waiting: ServerResponse[] = [];
    const server = await listen((_request, response) => void waiting.push(response), 0, host);
    const asked = () => once(server, 'request');
    return { server, waiting, asked, url: addressOf(server) };
  }

  it('says where it listens, and that it does not any more', async () => {
    const server = await listen((_request, response) => response.end('hello'), 0, host);
    const { port } = server.address() as AddressInfo;
    expect(addressOf(server)).toBe(`http://${host}:${port}`);
    expect(await ask(addressOf(server))).toEqual({ answer: 'hello', connection: 'keep-alive' });
    await drain(server, 10_000);
    expect([server.listening, addressOf(server)]).toEqual([false, 'null']);
    agent.destroy();
    await expect(ask(`http://${host}:${port}`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not start on a port that is taken', async () => {
    const { server } = await withheld();
    const { port } = server.address() as AddressInfo;
    await expect(listen(() => undefined, port, host)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await drain(server, 10_000);
  });

  it('lets answers in flight leave before it closes', async () => {
    const { server, waiting, asked, url } = await withheld();
    const arrived = asked();
    const answer = ask(url);
    await arrived;
    const drained = drain(server, 10_000);
    waiting[0]!.end('late, but whole');
    expect((await answer).answer).toBe('late, but whole');
    await drained;
    expect(server.listening).toBe(false);
  });

  it('tells what still comes on an open connection that it is the last there', async () => {
    const { server, waiting, asked, url } = await withheld();
    const first = asked();
    const answers = [ask(url)];
    await first;
    // One connection: the second request leaves when the first is answered, and finds a server that drains.
    answers.push(ask(url));
    const drained = drain(server, 10_000);
    const second = asked();
    waiting[0]!.end('first');
    await second;
    waiting[1]!.end('second');
    expect(await Promise.all(answers)).toEqual([
      { answer: 'first', connection: 'keep-alive' },
      { answer: 'second', connection: 'close' },
    ]);
    await drained;
  });

  it('cuts off what is not answered within its time', async () => {
    const { server, asked, url } = await withheld();
    const arrived = asked();
    const cut = expect(ask(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await arrived;
    await drain(server, 1);
    await cut;
    expect(server.listening).toBe(false);
  });
});
