import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { z } from 'zod';

const contentsSchema = z.object({ contents: z.array(z.string()) });

/** Shares of contents that take long, and how long: some detector calls are always under way when a fault strikes. */
const paces = [
  { outOf: 50, ms: 1800 },
  { outOf: 10, ms: 400 },
] as const;
const usualMs = 25;

/**
 * Stands before the detector service, so that its death can be told from Conclave's repeats: counts how often each detector
 * is asked about each content, gives every content its own time, and hands the call on to the real service.
 */
export class DetectorRelay {
  readonly #asked = new Map<string, number>();
  readonly #upstream: Pool;
  readonly #server: Server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });

  /** @param origin of the detector service, which need not be there yet */
  constructor(origin: string) {
    this.#upstream = new Pool(origin, { connections: 128 });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Pairs of detector and content since the last reset, and calls about one beyond its first. */
  get tally(): { readonly asked: number; readonly repeated: number } {
    const counts = [...this.#asked.values()];
    return { asked: counts.length, repeated: counts.reduce((sum, count) => sum + count - 1, 0) };
  }

  reset(): void {
    this.#asked.clear();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#upstream.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (request.method === 'POST') {
      const { contents } = contentsSchema.parse(JSON.parse(body.toString()));
      this.#count(String(request.headers['detector-id']), contents);
      await delay(Math.max(...contents.map(paceOf)));
    }
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const answer = await this.#upstream.request({
      method: request.method === 'POST' ? 'POST' : 'GET',
      path: request.url ?? '/',
      headers,
      body: request.method === 'POST' ? body : null,
    });
    const text = await answer.body.text();
    response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(text);
  }

  #count(detector: string, contents: readonly string[]): void {
    for (const content of contents) {
      const asked = `${detector} ${createHash('sha256').update(content).digest('hex')}`;
      this.#asked.set(asked, (this.#asked.get(asked) ?? 0) + 1);
    }
  }
}

/** The same for all detectors and every repeat. */
function paceOf(content: string): number {
  const draw = createHash('sha256').update(content).digest().readUInt32BE();
  return paces.find(({ outOf }) => draw % outOf === 0)?.ms ?? usualMs;
}
