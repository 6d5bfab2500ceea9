import { Agent, request } from 'undici';

/** More than any detector has to say about the samples. */
const maxAnswerBytes = 16 * 1024 * 1024;

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  /** Undefined where the text is no JSON. */
  readonly json: unknown;
}

export interface Asked {
  readonly method?: 'GET' | 'POST';
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is. */
  readonly body?: unknown;
}

export interface ServerOptions {
  readonly url: string;
  readonly detectorId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

const contentsPath = '/api/v1/text/contents';

/** A server of the Detectors API, asked the way we would ask it. */
export class ServerUnderTest {
  readonly #agent = new Agent({ maxResponseSize: maxAnswerBytes, connect: { timeout: 2000 } });

  constructor(private readonly options: ServerOptions) {}

  /** @throws when there is no answer within the time */
  async ask({ method = 'POST', path = contentsPath, headers = {}, body }: Asked): Promise<Reply> {
    const { url, detectorId, timeoutMs } = this.options;
    const answer = await request(new URL(path, url).href, {
      method,
      headers: {
        'content-type': 'application/json',
        'detector-id': detectorId,
        ...this.options.headers,
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
      dispatcher: this.#agent,
    });
    const text = await answer.body.text();
    return {
      status: answer.statusCode,
      contentType: String(answer.headers['content-type'] ?? ''),
      text,
      json: parsed(text),
    };
  }

  judge(contents: readonly string[], params: Readonly<Record<string, unknown>> = {}): Promise<Reply> {
    return this.ask({ body: { contents, detector_params: params } });
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
