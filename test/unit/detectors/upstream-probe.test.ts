import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { endpointSchema, type Upstream } from '../../../src/contract/upstream';
import { HealthProbe } from '../../../src/detectors/upstream-probe';
import { Outbound } from '../../../src/outbound/outbound';
import { fixedDirectory } from '../../support/fixed-directory';
import { registration } from '../api/support';
import { directoryWith } from '../registry/support';

describe('HealthProbe', () => {
  let server: Server;
  let url: string;
  let asked: { method: string | undefined; url: string | undefined; body: string; headers: object }[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let outbound: Outbound;
  let prober: HealthProbe;
  let verdicts: number[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (piece: Buffer) => (body += piece.toString()));
      request.on('end', () => {
        asked.push({ method: request.method, url: request.url, body, headers: request.headers });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    asked = [];
    answer = (_request, response) => void response.end('all is well');
    outbound = new Outbound({ hosts: null, privateHosts: [], privateNetworks: true, ownUrls: [] });
    verdicts = [];
    const noted = { note: (_url: string, status: number) => void verdicts.push(status) };
    prober = new HealthProbe(outbound, 200, noted);
  });
  afterEach(() => outbound.close());
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const endpoint = (health_check: object, base = url): Upstream =>
    directoryWith({ web: endpointSchema.parse({ url: base, health_check }) }).byId('web')!;
  const ask = (health_check: object = {}) =>
    prober.probe(endpoint(health_check), new AbortController().signal);
  const says = (status: number, body = '', headers: Record<string, string> = {}) => {
    answer = (_request, response) => void response.writeHead(status, headers).end(body);
  };

  it.each([
    ['http_get', 'GET', ''],
    ['http_head', 'HEAD', ''],
    ['http_post', 'POST', 'ping'],
    ['custom', 'POST', 'ping'],
  ])('asks by %s [H1]', async (type, method, body) => {
    const result = await ask({ type, path: '/up', headers: { 'x-probe': 'yes' }, body: 'ping' });
    expect(result).toMatchObject({ ok: true, error: null });
    expect(asked).toMatchObject([{ method, url: '/up', body, headers: { 'x-probe': 'yes' } }]);
  });

  it('knocks by tcp, and says when nobody opens [H1]', async () => {
    expect(await ask({ type: 'tcp' })).toMatchObject({ ok: true });
    expect(asked).toEqual([]);
    const closed = endpoint({ type: 'tcp', url: 'http://127.0.0.1:9' });
    expect(await prober.probe(closed, new AbortController().signal)).toMatchObject({
      ok: false,
      error: 'no answer (ECONNREFUSED)',
    });
  });

  it.each([
    [{}, 302, true],
    [{}, 404, false],
    [{ expected_status: [404] }, 404, true],
    [{ expected_status: ['5xx', 200] }, 503, true],
    [{ expected_status: [200] }, 204, false],
  ])('with %j takes %i for %s [H1]', async (settings, status, ok) => {
    says(status);
    const result = await ask(settings);
    expect([result.ok, result.error]).toEqual([ok, ok ? null : `it answered ${status}`]);
  });

  it.each([
    ['status":"up', true],
    ['down', false],
    ['/"status":\\s*"(up|fine)"/', true],
    ['/^up$/', false],
    [{ pointer: '/checks/0/a~1b', value: 7 }, true],
    [{ pointer: '/checks/0/a~1b', value: '7' }, false],
    [{ pointer: '/nothing/here', value: 7 }, false],
  ])('expects the body %j: %s [H1]', async (expected_body, ok) => {
    says(200, '{"status":"up","checks":[{"a/b":7}]}');
    const result = await ask({ expected_body });
    expect([result.ok, result.error]).toEqual([ok, ok ? null : 'the answer is not as expected']);
  });

  it('follows redirects on the same host, five at most, and none elsewhere', async () => {
    answer = ({ url: at }, response) =>
      void (at === '/in' ? response.end() : response.writeHead(302, { location: '/in' }).end());
    expect((await ask({ expected_status: [200] })).ok).toBe(true);
    says(302, '', { location: 'http://127.0.0.1:9/' });
    expect(await ask({ expected_status: [200] })).toMatchObject({ ok: false, error: 'it answered 302' });
    asked = [];
    says(302, '', { location: '/again' });
    expect((await ask({ expected_status: [200] })).ok).toBe(false);
    expect(asked).toHaveLength(6);
  });

  it('asks detectors at their health path, with their credentials, in their time', async () => {
    const detector = fixedDirectory([
      registration('pii', { endpoint: `${url}/base`, health_check_path: '/ready' }),
    ]);
    const credentials = { headersFor: () => Promise.resolve({ Authorization: 'Bearer t' }) };
    const authenticated = new HealthProbe({ pools: outbound.pools, credentials } as never, 200, {
      note: () => undefined,
    });
    const upstream = detector.upstreams[0]!;
    expect(await authenticated.probe(upstream, new AbortController().signal)).toMatchObject({ ok: true });
    expect(asked).toMatchObject([{ url: '/ready', headers: { authorization: 'Bearer t' } }]);
    answer = () => undefined;
    expect(await authenticated.probe(upstream, new AbortController().signal)).toMatchObject({
      ok: false,
      error: 'no answer within 200 ms',
    });
    says(302, '', { location: '/elsewhere' });
    expect((await authenticated.probe(upstream, new AbortController().signal)).ok).toBe(false);
  });

  it('takes a detector for well that has no way to say how it is', async () => {
    const silent = registration('pii', { endpoint: 'http://127.0.0.1:9', protocol: 'lakera-guard' });
    const [upstream] = fixedDirectory([silent]).upstreams;
    const result = await prober.probe(upstream!, new AbortController().signal);
    expect(result).toEqual({ ok: true, response_ms: null, error: null });
  });

  it('asks an upstream that gets the credentials of its callers without any [H1]', async () => {
    const config = endpointSchema.parse({ url, auth_type: 'api_key' });
    const upstream = directoryWith({ web: config }).byId('web')!;
    const result = await prober.probe(upstream, new AbortController().signal);
    expect(result).toMatchObject({ ok: true, error: null });
    expect(asked[0]!.headers).not.toHaveProperty('x-api-key');
  });

  it('says nothing of a secret that cannot be read', async () => {
    const secret = registration('pii', {
      endpoint: url,
      auth_type: 'bearer_token',
      auth_config: { secret_ref: 'env:ZQ9_ABSENT' },
    });
    const [upstream] = fixedDirectory([secret]).upstreams;
    const result = await prober.probe(upstream!, new AbortController().signal);
    expect(result).toMatchObject({ ok: false, error: 'its credentials cannot be had' });
    expect(verdicts).toEqual([401]);
  });

  it('does not mind a body without end', async () => {
    answer = (_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) continue;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    expect((await ask()).ok).toBe(true);
  });

  it('ends with the process', async () => {
    answer = () => undefined;
    const stopping = new AbortController();
    const asking = prober.probe(endpoint({}), stopping.signal);
    stopping.abort();
    expect(await asking).toMatchObject({ ok: false });
  });
});
