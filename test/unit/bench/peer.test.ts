import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { z } from 'zod';
import { parsePeer, peerTarget } from '../../../bench/peer';
import { checkAnswers, withBundle } from '../../../bench/target';

describe('parsePeer', () => {
  it('takes an address without a path for FMS v2 content detection', () => {
    expect(parsePeer('fms=http://127.0.0.1:8033')).toEqual({
      name: 'fms',
      url: 'http://127.0.0.1:8033/api/v2/text/detection/content',
    });
  });

  it('keeps a path', () => {
    expect(parsePeer('a.b=https://peer.test/detect')).toEqual({
      name: 'a.b',
      url: 'https://peer.test/detect',
    });
  });

  it.each(['http://127.0.0.1:8033', 'fms=', 'fms=nowhere', 'fms=ftp://127.0.0.1', '=http://127.0.0.1'])(
    'refuses %s',
    (text) => {
      expect(() => parsePeer(text)).toThrow(/^not /);
    },
  );
});

describe('a peer', () => {
  const asked = z.strictObject({ detectors: z.record(z.string(), z.strictObject({})), content: z.string() });
  let requests: { path: string | undefined; body: z.output<typeof asked> }[];
  let findingsOf: (detectors: string[]) => object[];
  let server: Server;

  beforeEach(async () => {
    requests = [];
    findingsOf = (detectors) => detectors.map((id) => ({ detection: 'toxic', detector_id: id, score: 0.9 }));
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = asked.parse(JSON.parse(Buffer.concat(chunks).toString()));
        requests.push({ path: request.url, body });
        response.end(JSON.stringify({ detections: findingsOf(Object.keys(body.detectors)) }));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());

  const peer = () => peerTarget(parsePeer(`fms=http://127.0.0.1:${(server.address() as AddressInfo).port}`));

  it('is asked for its verdict in the words of FMS v2, by all detectors of the bundle', async () => {
    await checkAnswers(peer());
    await checkAnswers(withBundle(peer(), 'bench-hung'));
    expect(requests.map(({ path }) => path)).toEqual(Array(2).fill('/api/v2/text/detection/content'));
    expect(requests.map(({ body }) => Object.keys(body.detectors))).toEqual([
      ['mock-a', 'mock-b', 'mock-c', 'mock-d'],
      ['mock-a', 'mock-b', 'mock-c', 'mock-hung'],
    ]);
    expect(requests[0]!.body.content).toContain('flagme');
  });

  it('is not measured when a detector is missing from its answer', async () => {
    findingsOf = (detectors) => detectors.slice(1).map((id) => ({ detector_id: id }));
    await expect(checkAnswers(peer())).rejects.toThrow('not a 200 with all detectors');
  });
});
