import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** An HTTP server that does as it is told. */
export class MockUpstream {
  readonly seen: Seen[] = [];
  url = '';
  handler: Handler = (_request, response) => void response.end('fine');
  readonly #server: Server = createServer((incoming, response) => this.handler(incoming, response));

  async listen(): Promise<void> {
    this.url = await listening(this.#server);
  }

  /** Reads requests whole before it answers. */
  answer(
    status: number,
    headers: Record<string, string | string[]> | string[] = {},
    body: string | Buffer = '',
  ): void {
    this.handler = (incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        this.seen.push({
          method: incoming.method!,
          url: incoming.url!,
          headers: incoming.headers,
          rawHeaders: incoming.rawHeaders,
          body: Buffer.concat(chunks).toString(),
        });
        response.writeHead(status, headers).end(body);
      });
    };
  }

  reset(): void {
    this.seen.splice(0);
    this.answer(200, { 'content-type': 'text/plain' }, 'fine');
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Its address, once it listens. */
export async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
