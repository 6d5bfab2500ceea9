import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MapperPayload, MappingResponse } from '../../src/contract/payload';

/** One call as the fake mapper received it. */
export interface MapperCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly payload: MapperPayload;
  /** Settles when the exchange is over: answered, or given up by the caller. */
  readonly ended: Promise<{ readonly answered: boolean; readonly afterMs: number }>;
}

export type MapperBehavior = (call: MapperCall, response: ServerResponse) => void;

/** A mapping that the contract allows. */
export function mapping(overrides: Partial<MappingResponse> = {}): MappingResponse {
  return {
    taxonomy: ['HARM.SPEECH.Toxicity'],
    scores: { 'HARM.SPEECH.Toxicity': 0.9 },
    confidence: 0.9,
    notes: 'route=rules',
    provenance: { detector: 'orchestrated-multi', model: 'none' },
    version_info: { taxonomy: '3.1', frameworks: '2.2', model: 'm-7' },
    ...overrides,
  };
}

export function maps(body: unknown = mapping()): MapperBehavior {
  return sends(200, JSON.stringify(body));
}

export function sends(status: number, body: string, contentType = 'application/json'): MapperBehavior {
  return (_call, response) => void response.writeHead(status, { 'content-type': contentType }).end(body);
}

/** Maps, but too late. */
export function sleeps(ms: number): MapperBehavior {
  return (call, response) => {
    const timer = setTimeout(() => maps()(call, response), ms);
    response.once('close', () => clearTimeout(timer));
  };
}

/** Begins to answer and never ends. */
export const stalls: MapperBehavior = (_call, response) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).write('{"taxonomy":');

export const hangsUp: MapperBehavior = (_call, response) => void response.destroy();

/** A different behavior for each call; the last one stays. */
export function inOrder(...behaviors: readonly MapperBehavior[]): MapperBehavior {
  let turn = 0;
  return (call, response) => behaviors[Math.min(turn++, behaviors.length - 1)]!(call, response);
}

/** A mapper that does what a test tells it. */
export class FakeMapper {
  readonly calls: MapperCall[] = [];
  #behavior: MapperBehavior = maps();
  #port = 0;
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      if (request.method !== 'POST') return void response.end('{}');
      const arrivedAt = performance.now();
      const call: MapperCall = {
        path: request.url ?? '',
        headers: request.headers,
        payload: JSON.parse(Buffer.concat(chunks).toString()) as MapperPayload,
        ended: new Promise((resolve) =>
          response.once('close', () =>
            resolve({ answered: response.writableFinished, afterMs: performance.now() - arrivedAt }),
          ),
        ),
      };
      this.calls.push(call);
      this.#behavior(call, response);
    });
  });

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Also after `close`, and then on the same port. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    return this.url;
  }

  behave(behavior: MapperBehavior): this {
    this.#behavior = behavior;
    return this;
  }

  reset(): void {
    this.calls.length = 0;
    this.#behavior = maps();
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
