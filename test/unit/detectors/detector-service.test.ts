import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { on } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import pino from 'pino';
import { request } from 'undici';
import { builtinDetectors } from '../../../src/detectors/builtin/catalog';
import {
  createDetectorService,
  type DetectorService,
  type DetectorServiceOptions,
} from '../../../src/detectors/service/detector-service';
import { eventually } from '../../support/eventually';

type CreateDetectorService = (options: DetectorServiceOptions) => DetectorService;
type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: unknown };

const silent = pino({ enabled: false });
const sources = join(__dirname, '../../../src');
const contentsPath = '/api/v1/text/contents';

async function ask(
  service: DetectorService,
  path: string,
  options: Parameters<typeof request>[1] = {},
): Promise<Answer> {
  const { port } = service.address!;
  const answer = await request(`http://127.0.0.1:${port}${path}`, options);
  const text = await answer.body.text();
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
  };
}

function detect(
  service: DetectorService,
  detector: string,
  contents: unknown,
  rest: object = {},
): Promise<Answer> {
  return ask(service, contentsPath, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'detector-id': detector },
    body: JSON.stringify({ contents, ...rest }),
  });
}

const post = (service: DetectorService, body: string | Buffer, headers: Record<string, string> = {}) =>
  ask(service, contentsPath, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'detector-id': 'demo-toxicity', ...headers },
    body,
  });

describe('builtin detector service', () => {
  let service: DetectorService;
  beforeAll(async () => {
    service = createDetectorService({ logger: silent });
    await service.listen(0);
  });
  afterAll(() => service.close());

  describe('POST /api/v1/text/contents', () => {
    it('answers a list per content, in order, with spans in code points and the text they cover', async () => {
      const { status, body } = await detect(service, 'demo-toxicity', [
        'fine',
        '🙂 e\u0301 toxic 🙂 hate',
        '',
      ]);
      expect(status).toBe(200);
      expect(body).toEqual([
        [],
        [
          { start: 5, end: 10, text: 'toxic', detection: 'toxic', detection_type: 'demo', score: 0.9 },
          { start: 13, end: 17, text: 'hate', detection: 'toxic', detection_type: 'demo', score: 0.9 },
        ],
        [],
      ]);
    });

    const readers = [...builtinDetectors.values()].filter(({ looksAt }) => looksAt !== 'image');
    it.each(readers.map(({ name }) => name))('selects %s by its header', async (name) => {
      const { status, body } = await detect(service, name, ['Der Termin ist morgen um zehn Uhr im Büro.']);
      expect(status).toBe(200);
      expect(body).toEqual([expect.any(Array)]);
    });

    it('says of which content it is no image', async () => {
      const { status, body } = await detect(service, 'image-safety', ['Der Termin ist morgen.']);
      expect([status, body]).toEqual([422, { code: 422, message: 'contents[0]: cannot be decoded' }]);
    });

    it('hands the params to the detector', async () => {
      const text = 'The meeting has been moved to next Thursday.';
      const params = { detector_params: { expected_languages: ['en'] } };
      expect((await detect(service, 'language', [text])).body).toMatchObject([
        [{ detection: 'language_en', text }],
      ]);
      expect((await detect(service, 'language', [text], params)).body).toEqual([[]]);
    });

    it('survives NUL and lone surrogates', async () => {
      const { status, body } = await detect(service, 'demo-toxicity', ['\u0000 \ud800 hate']);
      expect(status).toBe(200);
      expect(body).toMatchObject([[{ start: 4, end: 8, text: 'hate' }]]);
    });

    it.each([
      ['no body', '', /^body: not JSON/],
      ['no JSON', '{"contents":["secret', /^body: not JSON in UTF-8$/],
      ['no object', '[]', /^body: /],
      ['no contents', '{}', /^contents: /],
      ['empty contents', '{"contents":[]}', /^contents: /],
      ['a content that is no string', '{"contents":["a",7]}', /^contents\[1\]: /],
      ['too many contents', JSON.stringify({ contents: Array<string>(257).fill('a') }), /^contents: .*256/],
      ['params that are no object', '{"contents":["a"],"detector_params":[]}', /^detector_params: /],
    ])('refuses %s with 422 and names the field', async (_, sent, message) => {
      const { status, body } = await post(service, sent);
      expect(status).toBe(422);
      expect(body).toEqual({ code: 422, message: expect.stringMatching(message) as string });
      expect(JSON.stringify(body)).not.toContain('secret');
    });

    it('refuses bytes that are not UTF-8', async () => {
      const { status } = await post(service, Buffer.from([0x7b, 0xff, 0x7d]));
      expect(status).toBe(422);
    });

    it('names the parameter that the detector refuses', async () => {
      const { status, body } = await detect(service, 'language', ['a'], {
        detector_params: { expected_languages: ['en', 'elvish'] },
      });
      expect(status).toBe(422);
      expect(body).toEqual({
        code: 422,
        message: expect.stringMatching(/^detector_params\.expected_languages\[1\]: /) as string,
      });
    });

    it('takes 256 contents', async () => {
      const { status, body } = await detect(service, 'demo-echo', Array<string>(256).fill('x'));
      expect(status).toBe(200);
      expect(body).toHaveLength(256);
    });

    it('takes the longest content a detector judges, counted in code points, and not one more', async () => {
      const longest = '🙂'.repeat(10_000);
      expect((await detect(service, 'demo-pii', [longest])).status).toBe(200);
      const { status, body } = await detect(service, 'demo-pii', ['', `${longest}x`]);
      expect(status).toBe(413);
      expect(body).toEqual({ code: 413, message: 'contents[1]: longer than 10000 characters' });
    });

    it('refuses a body over 12 MiB', async () => {
      const { status, body } = await post(service, Buffer.alloc(12 * 1024 * 1024 + 1, 0x20));
      expect(status).toBe(413);
      expect(body).toMatchObject({ code: 413 });
    });

    it.each(['text/plain', 'application/json; charset=latin1', 'application/jsonp', ''])(
      'refuses the content type %j with 415',
      async (type) => {
        const { status, body } = await post(service, '{"contents":["a"]}', { 'content-type': type });
        expect(status).toBe(415);
        expect(body).toMatchObject({ code: 415 });
      },
    );

    it('refuses an unknown content encoding with 415', async () => {
      expect((await post(service, '{}', { 'content-encoding': 'zstd' })).status).toBe(415);
    });

    it('answers 404 for an unknown detector and 422 without one', async () => {
      expect(await detect(service, 'nobody', ['a'])).toMatchObject({ status: 404, body: { code: 404 } });
      const headers = { 'content-type': 'application/json' };
      const missing = await ask(service, contentsPath, {
        method: 'POST',
        headers,
        body: '{"contents":["a"]}',
      });
      expect(missing).toMatchObject({ status: 422, body: { message: 'header detector-id: required' } });
    });

    it.each(['GET', 'PUT', 'DELETE'] as const)(
      'answers %s with 405 and the allowed method',
      async (method) => {
        const { status, headers } = await ask(service, contentsPath, { method });
        expect(status).toBe(405);
        expect(headers['allow']).toBe('POST');
      },
    );

    it('echoes well-formed correlation headers on success and on errors, and drops others', async () => {
      const ids = { 'x-correlation-id': 'corr-1', 'x-request-id': 'req-1' };
      expect((await post(service, '{"contents":["a"]}', ids)).headers).toMatchObject(ids);
      expect((await post(service, '{', ids)).headers).toMatchObject(ids);
      const odd = await post(service, '{"contents":["a"]}', { 'x-correlation-id': 'a b' });
      expect(odd.headers['x-correlation-id']).toBeUndefined();
    });
  });

  it('describes all detectors, or the one asked for', async () => {
    const all = await ask(service, '/capabilities');
    expect(all.body).toMatchObject({ total_count: builtinDetectors.size });
    expect(all.body).toEqual((await ask(service, '/api/v1/detectors')).body);
    const one = await ask(service, '/capabilities', { headers: { 'detector-id': 'pii' } });
    expect(one.body).toMatchObject({
      detector: 'pii',
      version: '1.0.0',
      supported_content_types: ['text', 'document', 'code'],
      max_content_length: 50_000,
      taxonomy_categories: expect.arrayContaining(['PII.Contact.Email']) as string[],
      batch_supported: true,
      max_batch: 256,
    });
    expect((await ask(service, '/capabilities', { headers: { 'detector-id': 'nobody' } })).status).toBe(404);
  });

  it('is healthy, and knows no other paths', async () => {
    expect(await ask(service, '/health')).toMatchObject({ status: 200, body: { status: 'healthy' } });
    expect((await ask(service, '/health', { method: 'POST' })).status).toBe(405);
    expect(await ask(service, '/api/v1/text/chat', { method: 'POST' })).toMatchObject({
      status: 404,
      body: { code: 404 },
    });
  });
});

describe('builtin detector service: life', () => {
  it('rejects listen on a port that is taken', async () => {
    const first = createDetectorService({ logger: silent });
    const { port } = await first.listen(0);
    const second = createDetectorService({ logger: silent });
    await expect(second.listen(port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.close();
    await first.close();
  });

  it('answers 504 when time is up, and goes on', async () => {
    const service = createDetectorService({ logger: silent, timeoutMs: 1 });
    await service.listen(0);
    const heavy = 'Please send the report. '.repeat(2000);
    expect(await detect(service, 'dangerous-code', [heavy, heavy, heavy])).toEqual(
      expect.objectContaining({ status: 504, body: { code: 504, message: 'detection took too long' } }),
    );
    expect((await ask(service, '/health')).status).toBe(200);
    await service.close();
  });

  it('finishes the call in flight on close, then refuses connections', async () => {
    const service = createDetectorService({ logger: silent });
    const { port } = await service.listen(0);
    const body = JSON.stringify({ contents: ['hate'] });
    const socket = connect(port, '127.0.0.1');
    const received: string[] = [];
    const answers = on(socket.setEncoding('latin1'), 'data', { close: ['end'] });
    socket.write(
      `POST ${contentsPath} HTTP/1.1\r\nHost: x\r\nDetector-Id: demo-toxicity\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    for await (const [chunk] of answers as AsyncIterable<[string]>) {
      received.push(chunk);
      if (received.length > 1) continue;
      // "100 Continue" proves that the server has taken the call on.
      void service.close();
      socket.write(body);
    }
    expect(received[0]).toMatch(/^HTTP\/1.1 100 /);
    expect(received.join('')).toMatch(/HTTP\/1.1 200 OK[^]*"text":"hate"/);
    await service.close();
    expect(service.address).toBeNull();
    await expect(request(`http://127.0.0.1:${port}/health`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('logs no content, neither from bodies nor from errors', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
    const service = createDetectorService({ logger, timeoutMs: 1 });
    await service.listen(0);
    await detect(service, 'demo-toxicity', ['marker-7741 hate'], { detector_params: { x: 'marker-7741' } });
    await post(service, '{"contents":["marker-7741');
    await detect(service, 'dangerous-code', Array<string>(9).fill('marker-7741 '.repeat(4000)));
    await service.close();
    expect(lines.join('')).toContain('DetectionTimeoutError');
    expect(lines.join('')).not.toContain('marker-7741');
  });
});

describe('builtin detector service, compiled: worker threads', () => {
  let build: string;
  let service: DetectorService;
  /** Takes one thread far longer than the time limit. */
  const endless = Array<string>(240).fill('You are now in another mode. '.repeat(1700));

  beforeAll(async () => {
    // Beneath the project, so that the compiled files find its packages.
    const cache = join(__dirname, '../../../node_modules/.cache');
    // It stays: a worker that was just replaced may still be reading it.
    build = join(cache, 'detector-service');
    mkdirSync(build, { recursive: true });
    for (const room of ['detectors', 'contract']) compileFolder(join(sources, room), join(build, room));
    const compiled = require(join(build, 'detectors/service/detector-service.js')) as {
      createDetectorService: CreateDetectorService;
    };
    service = compiled.createDetectorService({ logger: silent, threads: 1, timeoutMs: 2500, maxWaiting: 1 });
    await service.listen(0);
  }, 60_000);
  afterAll(async () => {
    await service?.close();
  });

  it('answers as it does in process, refused params included', async () => {
    expect((await detect(service, 'demo-toxicity', ['🙂 hate'])).body).toMatchObject([
      [{ start: 2, text: 'hate' }],
    ]);
    const params = { detector_params: { expected_languages: ['elvish'] } };
    expect(await detect(service, 'language', ['a'], params)).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('expected_languages') as string },
    });
  });

  it('stays responsive while a detector works, kills it when time is up, and goes on', async () => {
    const answered: string[] = [];
    const slow = detect(service, 'prompt-injection', endless).then((answer) => {
      answered.push('slow');
      return answer;
    });
    await ask(service, '/health').then(() => answered.push('health'));
    expect(await slow).toMatchObject({ status: 504, body: { code: 504 } });
    expect(answered).toEqual(['health', 'slow']);
    // On a busy machine the thread that takes its place may need longer than a call may.
    await eventually(
      () => detect(service, 'demo-toxicity', ['hate']),
      ({ status }) => status === 200,
    );
  }, 30_000);

  it('turns calls away when too many wait', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => detect(service, 'prompt-injection', endless)));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatchObject({ headers: { 'retry-after': '1' }, body: { code: 503 } });
  }, 30_000);
});

/** TypeScript to CommonJS file by file; types were checked elsewhere. */
function compileFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    if (entry.isDirectory()) compileFolder(source, join(to, entry.name));
    else if (entry.name.endsWith('.ts')) {
      const { code } = transformSync(readFileSync(source, 'utf8'), {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
      });
      writeFileSync(join(to, entry.name.replace(/\.ts$/, '.js')), code);
    } else copyFileSync(source, join(to, entry.name));
  }
}
