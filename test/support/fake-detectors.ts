import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** One call as a fake detector received it. */
export interface ReceivedCall {
  readonly detector: string;
  readonly contents: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What a fake detector does with one call; it may answer, hang (never answer), or destroy the socket. */
export type Behavior = (call: ReceivedCall, response: ServerResponse) => void | Promise<void>;

export interface FakeFinding {
  readonly start: number;
  readonly end: number;
  readonly detection: string;
  readonly score: number;
}

/** Answers each content with the findings that `judge` gives; none: clean. */
export function findings(judge: (content: string) => readonly FakeFinding[] = () => []): Behavior {
  return ({ contents }, response) => {
    const body = contents.map((content) =>
      judge(content).map((finding) => ({
        ...finding,
        text: [...content].slice(finding.start, finding.end).join(''),
        detection_type: 'test',
      })),
    );
    json(response, 200, body);
  };
}

/** Flags every content with one label over its whole length. */
export function flags(label: string, score: number): Behavior {
  return findings((content) => [{ start: 0, end: [...content].length, detection: label, score }]);
}

export function status(code: number, headers: Record<string, string> = {}): Behavior {
  return (_call, response) => json(response, code, { code, message: 'scripted' }, headers);
}

/** Never answers. */
export const hangs: Behavior = () => undefined;

export const closes: Behavior = (_call, response) => void response.destroy();

/** Raw bytes under any content type. */
export function raw(body: string | Buffer, contentType = 'application/json', code = 200): Behavior {
  return (_call, response) => void response.writeHead(code, { 'content-type': contentType }).end(body);
}

/** Takes a while, as a real detector does. */
export function after(ms: number, then: Behavior): Behavior {
  return async (call, response) => {
    await delay(ms);
    await then(call, response);
  };
}

/** A valid beginning, then a byte now and then, for ever. */
export function drips(everyMs: number): Behavior {
  return async (_call, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('[[');
    while (!response.destroyed) {
      await delay(everyMs);
      response.write(' ');
    }
  };
}

/** Promises more bytes than it sends before the connection is gone. */
export const breaksOff: Behavior = (_call, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('[[', () => response.destroy());
};

/** An answer without end; `written` counts the bytes that the caller has taken or that wait in its socket. */
export function floods(code = 200): { behavior: Behavior; written: () => number } {
  const piece = Buffer.alloc(64 * 1024, 0x20);
  let written = 0;
  return {
    behavior: async (_call, response) => {
      response.writeHead(code, { 'content-type': 'application/json' });
      const gone = new Promise<void>((resolve) => response.once('close', resolve));
      while (!response.destroyed) {
        written += piece.length;
        if (response.write(piece)) continue;
        await Promise.race([gone, new Promise<void>((resolve) => response.once('drain', resolve))]);
      }
    },
    written: () => written,
  };
}

/** Answers only after `release` is called; `calls` arrive meanwhile. */
export function held(then: Behavior): { behavior: Behavior; release: () => void } {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  return {
    behavior: async (call, response) => {
      await gate;
      await then(call, response);
    },
    release: () => open(),
  };
}

/** One behavior for calls about a content with this in it, another for the others. */
export function about(part: string, then: Behavior, otherwise: Behavior = findings()): Behavior {
  return (call, response) =>
    (call.contents.some((content) => content.includes(part)) ? then : otherwise)(call, response);
}

/** Answers of the conclave protocol. */
export function says(answer: object): Behavior {
  return (_call, response) => json(response, 200, answer);
}

/** A different behavior for each call; the last one stays. */
export function inTurn(...behaviors: readonly Behavior[]): Behavior {
  let turn = 0;
  return (call, response) => behaviors[Math.min(turn++, behaviors.length - 1)]!(call, response);
}

/** A server of the Detectors API whose detectors do what a test tells them. */
export class FakeDetectors {
  readonly calls: ReceivedCall[] = [];
  readonly #behaviors = new Map<string, Behavior>();
  readonly #unhealthy = new Set<string>();
  readonly #capabilities = new Map<string, unknown>();
  readonly #waiters = new Set<() => void>();
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Without it a detector finds nothing. */
  behave(detector: string, behavior: Behavior): this {
    this.#behaviors.set(detector, behavior);
    return this;
  }

  callsOf(detector: string): readonly ReceivedCall[] {
    return this.calls.filter((call) => call.detector === detector);
  }

  /** Resolves once a detector has been called so often. */
  async called(detector: string, times = 1): Promise<void> {
    while (this.callsOf(detector).length < times) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  /** Health probes go to `/health/<detector>` when the registration says so. */
  setHealthy(detector: string, healthy: boolean): void {
    if (healthy) this.#unhealthy.delete(detector);
    else this.#unhealthy.add(detector);
  }

  /** What a detector says of itself at `/capabilities`; without it there is no such path. */
  describe(detector: string, capabilities: unknown): this {
    this.#capabilities.set(detector, capabilities);
    return this;
  }

  reset(): void {
    this.calls.length = 0;
    this.#behaviors.clear();
    this.#unhealthy.clear();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, probed] = /^\/health(?:\/(.+))?$/.exec(request.url ?? '') ?? [];
    if (request.url?.startsWith('/health')) {
      return json(response, probed !== undefined && this.#unhealthy.has(probed) ? 503 : 200, {});
    }
    if (request.url === '/capabilities') {
      const said = this.#capabilities.get(String(request.headers['detector-id']));
      return json(response, said === undefined ? 404 : 200, said ?? {});
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const detector = String(request.headers['detector-id'] ?? request.url?.slice(1) ?? '');
    const parsed = JSON.parse(body) as { contents?: string[]; content?: string };
    const call = {
      detector,
      contents: parsed.contents ?? [parsed.content ?? ''],
      headers: request.headers,
      body,
    };
    this.calls.push(call);
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
    await (this.#behaviors.get(detector) ?? findings())(call, response);
  }
}

function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  if (response.destroyed) return;
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
