import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { battery, defaultSamples, runBattery } from '../../../src/detectors/conformance/battery';
import { ServerUnderTest } from '../../../src/detectors/conformance/server-under-test';
import { createDetectorService } from '../../../src/detectors/service/detector-service';

/** @returns verdict and detail by check */
async function reportOn(url: string, detectorId: string, samples = defaultSamples, timeoutMs = 5000) {
  const server = new ServerUnderTest({ url, detectorId, headers: {}, timeoutMs });
  try {
    const reports = await runBattery(server, samples);
    return Object.fromEntries(reports.map(({ id, verdict, detail }) => [id, { verdict, detail }]));
  } finally {
    await server.close();
  }
}

const verdicts = (report: Awaited<ReturnType<typeof reportOn>>) =>
  Object.fromEntries(Object.entries(report).map(([id, { verdict }]) => [id, verdict]));

describe('The conformance battery', () => {
  describe('against the builtin detectors', () => {
    const service = createDetectorService({ logger: pino({ enabled: false }), threads: 1 });
    let url: string;
    beforeAll(async () => {
      const { port } = await service.listen(0);
      url = `http://127.0.0.1:${port}`;
    });
    afterAll(() => service.close());

    it.each(['pii', 'toxicity', 'secrets', 'prompt-injection'])('finds nothing wrong with %s', async (id) => {
      const report = await reportOn(url, id);
      expect(Object.keys(report)).toEqual(battery.map(({ id: check }) => check));
      expect(Object.values(report).filter(({ verdict }) => verdict !== 'pass')).toEqual([]);
    });

    it('says when the samples show nothing', async () => {
      const report = await reportOn(url, 'pii', ['the weather is fine']);
      expect(report['many-contents']).toMatchObject({ verdict: 'warn' });
      expect(report['unicode-offsets']).toMatchObject({ verdict: 'warn' });
    });
  });

  describe('against servers with faults', () => {
    let server: Server;
    afterEach(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    type Answer = (contents: readonly string[]) => { status?: number; type?: string; body: unknown };

    /** Flags the word "me" or "my" in each content, with spans as JavaScript counts them. */
    const inUtf16 = (content: string) => {
      const start = content.search(/\b(?:my|you|password|ignore|jane)\b/);
      if (start === -1) return [];
      const end = content.indexOf(' ', start);
      return [
        {
          start,
          end,
          text: content.slice(start, end),
          detection: 'word',
          detection_type: 'word',
          score: 0.9,
        },
      ];
    };

    /** Takes everything for a call, and answers it so. */
    async function serving(answer: Answer): Promise<string> {
      const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        let contents: unknown = [];
        try {
          contents = (JSON.parse(Buffer.concat(chunks).toString()) as { contents?: unknown }).contents;
        } catch {
          // It does not care.
        }
        const {
          status = 200,
          type = 'application/json',
          body,
        } = answer(Array.isArray(contents) ? contents.map(String) : []);
        response.writeHead(status, { 'content-type': type });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      };
      server = createServer((request, response) => void serve(request, response));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }

    it('sees spans in UTF-16 units, and that no mistake is refused', async () => {
      const report = await reportOn(await serving((contents) => ({ body: contents.map(inUtf16) })), 'x');
      expect(verdicts(report)).toMatchObject({
        health: 'pass',
        'one-content': 'pass',
        'many-contents': 'pass',
        'unicode-offsets': 'fail',
        'wrong-detector-id': 'warn',
        'not-json': 'fail',
        'no-contents-field': 'fail',
        'contents-of-another-type': 'fail',
        'wrong-content-type': 'warn',
        'wrong-method': 'fail',
        'wrong-path': 'fail',
      });
      expect(report['unicode-offsets']!.detail).toMatch(/code points/);
    });

    it('sees lists in another order', async () => {
      const url = await serving((contents) => ({ body: contents.map(inUtf16).toReversed() }));
      const report = await reportOn(url, 'x', ['my word', 'nothing at all']);
      expect(verdicts(report)).toMatchObject({ 'one-content': 'pass', 'many-contents': 'fail' });
    });

    it('sees too few lists', async () => {
      const url = await serving((contents) => ({ body: contents.slice(0, 1).map(inUtf16) }));
      const report = await reportOn(url, 'x');
      expect(verdicts(report)).toMatchObject({ 'one-content': 'pass', 'many-contents': 'fail' });
    });

    it.each([
      [
        'spans outside the content',
        [{ start: 0, end: 900, text: 'x', detection: 'd', detection_type: 't', score: 1 }],
      ],
      [
        'another text than stands there',
        [{ start: 0, end: 1, text: '?', detection: 'd', detection_type: 't', score: 1 }],
      ],
      ['no text', [{ start: 0, end: 1, detection: 'd', detection_type: 't', score: 1 }]],
      ['scores over 1', [{ start: 0, end: 1, text: 't', detection: 'd', detection_type: 't', score: 97 }]],
    ])('sees %s', async (_name, detections) => {
      const report = await reportOn(
        await serving((contents) => ({ body: contents.map(() => detections) })),
        'x',
      );
      expect(report['one-content']!.verdict).toBe('fail');
    });

    it('takes HTML with status 200 for no answer', async () => {
      const report = await reportOn(await serving(() => ({ type: 'text/html', body: '<html></html>' })), 'x');
      expect(verdicts(report)).toMatchObject({
        'one-content': 'fail',
        'content-type': 'fail',
        'empty-content': 'fail',
      });
    });

    it('takes 500 for no refusal, nor one without {code, message}', async () => {
      const failing = await reportOn(
        await serving(() => ({ status: 500, body: { code: 500, message: 'x' } })),
        'x',
      );
      expect(new Set(Object.values(verdicts(failing)))).toEqual(new Set(['fail', 'pass']));
      expect(failing['content-type']!.verdict).toBe('pass');
    });

    it('takes errors of another shape for faults', async () => {
      const report = await reportOn(await serving(() => ({ status: 422, body: { detail: 'no' } })), 'x');
      expect(verdicts(report)).toMatchObject({ 'not-json': 'fail', 'wrong-detector-id': 'fail' });
    });

    it('does not wait for ever', async () => {
      server = createServer(() => undefined);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const report = await reportOn(url, 'x', ['my word'], 50);
      expect(new Set(Object.values(verdicts(report)))).toEqual(new Set(['fail']));
    });
  });
});
