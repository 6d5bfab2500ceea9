import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { createDetectorService, type DetectorService } from '../../../src/detectors/service/detector-service';
import { conclave } from '../../support/conclave-command';

const command = ['detector', 'conformance'];

describe('conclave detector conformance', () => {
  let service: DetectorService;
  let broken: Server;
  let url: string;
  let brokenUrl: string;
  let tokens: (string | undefined)[];
  beforeAll(async () => {
    service = createDetectorService({ logger: pino({ enabled: false }), threads: 1 });
    url = `http://127.0.0.1:${(await service.listen(0)).port}`;
    broken = createServer((request, response) => {
      tokens.push(request.headers.authorization);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"clean": true}');
    });
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    brokenUrl = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`;
  });
  beforeEach(() => (tokens = []));
  afterAll(async () => {
    await service.close();
    broken.closeAllConnections();
    await new Promise((resolve) => broken.close(resolve));
  });

  it('prints a table for a server that conforms, and exits with 0', async () => {
    const { code, stdout } = await conclave([...command, url, '--detector-id', 'pii']);
    expect(stdout).toMatch(/unicode-offsets\s+│ pass/);
    expect(stdout).toContain('17 passed, 0 warnings, 0 failed');
    expect(code).toBe(0);
  });

  it('prints JSON for one that does not, and exits with 1', async () => {
    const args = [brokenUrl, '--detector-id', 'x', '--format', 'json', '--bearer-env', 'DETECTOR_TOKEN'];
    const { code, stdout } = await conclave([...command, ...args], { DETECTOR_TOKEN: 'of-mine' });
    const report = JSON.parse(stdout) as { conforms: boolean; checks: { id: string; verdict: string }[] };
    expect(report).toMatchObject({ url: brokenUrl, detector_id: 'x', conforms: false });
    expect(report.checks.find(({ id }) => id === 'one-content')).toMatchObject({ verdict: 'fail' });
    expect(new Set(tokens)).toEqual(new Set(['Bearer of-mine']));
    expect(code).toBe(1);
  });

  it('says so when the server does not know the detector', async () => {
    const { code, stdout } = await conclave([...command, url, '--detector-id', 'nobody']);
    expect([code, stdout]).toEqual([1, expect.stringContaining('and nobody one of its detectors?')]);
  });

  it.each([
    ['nobody answers', ['http://127.0.0.1:1', '--detector-id', 'x']],
    ['the address is none', ['ftp://x', '--detector-id', 'x']],
    ['no detector is named', ['http://127.0.0.1:1']],
  ])('exits with 2 when %s', async (_name, args) => {
    expect((await conclave([...command, ...args])).code).toBe(2);
  });
});
