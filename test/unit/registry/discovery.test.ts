import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type DnsDiscovery,
  discoverySchema,
  type KubernetesDiscovery,
} from '../../../src/contract/discovery';
import { type DetectorRegistration, detectorRegistrationSchema } from '../../../src/contract/registration';
import { Discovery, type DiscoverySource } from '../../../src/registry/discovery';
import { dnsDiscovery, type DnsResolver } from '../../../src/registry/dns-discovery';
import { kubernetesDiscovery } from '../../../src/registry/kubernetes-discovery';
import { listedDetector } from '../../../src/registry/registry-file';
import { makeCertificates } from '../../support/certificates';
import { eventually } from '../../support/eventually';
import { registeredByHand } from '../../support/registered-by-hand';
import { MemoryStore } from './memory-store';

const failing = (code: string) => Object.assign(new Error(code), { code });
const within = { withinMs: 5000, everyMs: 5 };

/** A source watched by a test. */
function watched(source: DiscoverySource) {
  const findings: DetectorRegistration[][] = [];
  const failures: unknown[] = [];
  const end = source.watch(
    (detectors) => void findings.push([...detectors]),
    (error) => void failures.push(error),
  );
  const finds = (...expected: string[]) =>
    eventually(
      () => findings.at(-1)?.map(({ name, version, endpoint }) => `${name}@${version} ${endpoint}`),
      (seen) => JSON.stringify(seen) === JSON.stringify(expected),
      within,
    );
  return { findings, failures, finds, end };
}

describe('Discovery', () => {
  const detector = (name: string, rest: object = {}) =>
    detectorRegistrationSchema.parse({ name, endpoint: 'http://127.0.0.1:9', ...rest });

  it('adds what is found, takes out what is not found any more, and leaves what others registered', async () => {
    const store = new MemoryStore();
    const byHand = detector('by-hand');
    store.entries.set('by-hand@1.0', {
      ...listedDetector(byHand),
      ...registeredByHand,
    });
    let found: (detectors: readonly DetectorRegistration[]) => void = () => undefined;
    let refreshed = 0;
    const discovery = new Discovery({
      sources: [{ name: 'test', watch: (tell) => ((found = tell), () => undefined) }],
      store,
      complete: (registration) => Promise.resolve(registration),
      refresh: () => Promise.resolve(void (refreshed += 1)),
      applied: () => Promise.resolve(),
      failed: (_source, error) => {
        throw error;
      },
      newId: () => 'id',
    });
    discovery.start();
    found([detector('a'), detector('b'), detector('by-hand', { timeout_ms: 100 })]);
    found([detector('b')]);
    found([detector('b')]);
    await discovery.stop();
    expect(store.ids).toEqual(['b@1.0', 'by-hand@1.0']);
    expect(store.entries.get('b@1.0')).toMatchObject({ source: 'discovery', origin: 'test' });
    expect(store.entries.get('by-hand@1.0')).toMatchObject({
      source: 'manual',
      detector: { timeout_ms: 5000 },
    });
    expect(refreshed).toBe(2);
  });
});

describe('dnsDiscovery', () => {
  const settings = (rest: object = {}) =>
    discoverySchema.parse({
      type: 'dns',
      record: '_detector._tcp.test',
      interval_seconds: 1,
      ...rest,
    }) as DnsDiscovery;
  const resolver = (answers: Partial<DnsResolver>): DnsResolver => ({
    resolveSrv: () => Promise.reject(failing('ENODATA')),
    resolve4: () => Promise.reject(failing('ENODATA')),
    ...answers,
  });

  it('finds a detector behind each target of an SRV record', async () => {
    const targets = [
      { name: 'two.models.test.', port: 8082 },
      { name: 'one.models.test', port: 8081 },
    ];
    const seen = watched(
      dnsDiscovery(
        settings({ detector: { version: '2.0' } }),
        resolver({ resolveSrv: () => Promise.resolve(targets) }),
      ),
    );
    await seen.finds('one@2.0 http://one.models.test:8081', 'two@2.0 http://two.models.test:8082');
    seen.end();
  });

  it('finds one behind a host that has an address', async () => {
    const host = settings({
      records: 'a',
      record: 'guard.test',
      name: 'guard-one',
      port: 8300,
      scheme: 'https',
    });
    const seen = watched(dnsDiscovery(host, resolver({ resolve4: () => Promise.resolve(['127.0.0.1']) })));
    await seen.finds('guard-one@1.0 https://guard.test:8300');
    seen.end();
  });

  it('finds nothing when the name has no records, and tells nothing when nobody knows', async () => {
    const gone = watched(dnsDiscovery(settings(), resolver({})));
    await eventually(
      () => gone.findings,
      (found) => JSON.stringify(found) === '[[]]',
      within,
    );
    gone.end();
    const unknown = watched(
      dnsDiscovery(settings(), resolver({ resolveSrv: () => Promise.reject(failing('ESERVFAIL')) })),
    );
    await eventually(
      () => unknown.failures.length,
      (failed) => failed > 0,
      within,
    );
    expect(unknown.findings).toEqual([]);
    unknown.end();
  });

  it('looks again after a while', async () => {
    const answers = [[{ name: 'one.test', port: 1 }], []];
    let asked = 0;
    const resolveSrv = () => Promise.resolve(answers[Math.min(asked++, 1)]!);
    const seen = watched(dnsDiscovery(settings(), resolver({ resolveSrv })));
    await seen.finds('one@1.0 http://one.test:1');
    await seen.finds();
    seen.end();
  });
});

describe('dnsDiscovery, asking a name server', () => {
  const answers = { noError: 0, serverFailure: 2, noSuchName: 3 };
  const nameServer = createSocket('udp4');
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  let code = answers.noError;
  beforeAll(async () => {
    nameServer.on('message', (query, from) => {
      const answer = code === answers.noError ? serviceAt('one.models.test', 8081) : null;
      nameServer.send(answerTo(query, code, answer), from.port, from.address);
    });
    await new Promise<void>((resolve) => nameServer.bind(0, '127.0.0.1', resolve));
    resolver.setServers([`127.0.0.1:${nameServer.address().port}`]);
  });
  afterAll(() => nameServer.close());

  it('follows its SRV records, takes what is gone out, and keeps what was found while it fails', async () => {
    const settings = discoverySchema.parse({
      type: 'dns',
      record: '_detector._tcp.test',
      interval_seconds: 1,
    }) as DnsDiscovery;
    const seen = watched(dnsDiscovery(settings, resolver));
    await seen.finds('one@1.0 http://one.models.test:8081');
    code = answers.serverFailure;
    await eventually(
      () => seen.failures.length,
      (failed) => failed > 0,
      within,
    );
    expect(seen.findings.at(-1)).toHaveLength(1);
    code = answers.noSuchName;
    await seen.finds();
    seen.end();
  });
});

/** The question comes back with the answer (RFC 1035). */
function answerTo(query: Buffer, code: number, record: Buffer | null): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(record ? 1 : 0, 6);
  header.writeUInt32BE(0, 8);
  const endOfName = query.indexOf(0, 12);
  return Buffer.concat([header, query.subarray(12, endOfName + 5), record ?? Buffer.alloc(0)]);
}

/** An SRV record of the name that was asked for (RFC 2782). */
function serviceAt(host: string, port: number): Buffer {
  const labels = host.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const target = Buffer.concat([...labels, Buffer.alloc(1)]);
  const fixed = Buffer.alloc(18);
  fixed.writeUInt16BE(0xc00c, 0);
  fixed.writeUInt16BE(33, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt16BE(6 + target.length, 10);
  fixed.writeUInt16BE(port, 16);
  return Buffer.concat([fixed, target]);
}

/** What the API server of a cluster says of EndpointSlices. */
class FakeCluster {
  readonly asked: { path: string; query: URLSearchParams; token: string | undefined }[] = [];
  items: object[] = [];
  status = 200;
  #watch: ServerResponse | null = null;
  readonly #server: Server;

  constructor(serverOf: (listener: RequestListener) => Server = (listener) => createServer(listener)) {
    this.#server = serverOf((request, response) => this.#serve(request, response));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${this.port}`;
  }

  async says(type: string, object: object): Promise<void> {
    const watch = await eventually(
      () => this.#watch,
      (open) => open !== null,
      within,
    );
    watch!.write(`${JSON.stringify({ type, object })}\n`);
    // Nothing comes after an error: what is said next is said to the next watch.
    if (type === 'ERROR') this.#watch = null;
  }

  endWatch(): void {
    this.#watch?.end();
    this.#watch = null;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url!, 'http://x');
    this.asked.push({ path: pathname, query: searchParams, token: request.headers.authorization });
    response.writeHead(this.status, { 'content-type': 'application/json' });
    if (this.status !== 200) return void response.end('{}');
    if (searchParams.get('watch') === 'true') {
      this.#watch = response;
      return void response.flushHeaders();
    }
    response.end(JSON.stringify({ metadata: { resourceVersion: '7' }, items: this.items }));
  }
}

describe('kubernetesDiscovery', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conclave-kubernetes-'));
  const tokenPath = path.join(folder, 'token');
  let cluster: FakeCluster;
  let settings: KubernetesDiscovery;
  beforeEach(async () => {
    writeFileSync(tokenPath, 'the-token\n');
    cluster = new FakeCluster();
    settings = discoverySchema.parse({
      type: 'kubernetes',
      namespace: 'models',
      api_url: await cluster.listen(),
      token_path: tokenPath,
    }) as KubernetesDiscovery;
  });
  afterEach(() => cluster.close());
  afterAll(() => rmSync(folder, { recursive: true }));

  const slice = (service: string, ready: boolean, labels: object = {}, part = 'x') => ({
    metadata: {
      name: `${service}-${part}`,
      resourceVersion: '7',
      labels: { 'kubernetes.io/service-name': service, 'conclave.dev/detector': service, ...labels },
    },
    ports: [{ port: 8000 }],
    endpoints: [{ conditions: { ready } }],
  });

  it('finds the labelled services that have a ready endpoint, and follows what becomes of them', async () => {
    cluster.items = [slice('hap', true, { 'conclave.dev/version': '2.1' }), slice('starting', false)];
    const seen = watched(kubernetesDiscovery(settings));
    const hap = 'hap@2.1 http://hap.models.svc:8000';
    await seen.finds(hap);
    await cluster.says('MODIFIED', slice('starting', true));
    await seen.finds(hap, 'starting@1.0 http://starting.models.svc:8000');
    await cluster.says('ADDED', slice('hap', false, {}, 'y'));
    await cluster.says('DELETED', slice('starting', true));
    await seen.finds(hap);
    const [list, watch] = cluster.asked;
    expect(list).toMatchObject({
      path: '/apis/discovery.k8s.io/v1/namespaces/models/endpointslices',
      token: 'Bearer the-token',
    });
    expect(watch!.query.get('resourceVersion')).toBe('7');
    seen.end();
  });

  it('asks anew when the watch ends or has become too old, with the token that holds then', async () => {
    cluster.items = [slice('hap', true)];
    const seen = watched(kubernetesDiscovery(settings));
    await seen.finds('hap@1.0 http://hap.models.svc:8000');
    writeFileSync(tokenPath, 'another');
    cluster.items = [];
    await cluster.says('ERROR', { code: 410 });
    await seen.finds();
    expect(cluster.asked.at(-1)!.token).toBe('Bearer another');
    cluster.items = [slice('back', true)];
    await cluster.says('BOOKMARK', { metadata: { resourceVersion: '9' } });
    cluster.endWatch();
    await seen.finds('back@1.0 http://back.models.svc:8000');
    seen.end();
  });

  it('tells nothing while the cluster does not answer, and goes on when it does', async () => {
    cluster.status = 503;
    const seen = watched(kubernetesDiscovery(settings));
    await eventually(
      () => seen.failures.length,
      (failed) => failed > 0,
      within,
    );
    expect(seen.findings).toEqual([]);
    cluster.items = [slice('hap', true)];
    cluster.status = 200;
    await seen.finds('hap@1.0 http://hap.models.svc:8000');
    seen.end();
  });

  describe('over HTTPS', () => {
    const certificates = mkdtempSync(path.join(tmpdir(), 'conclave-kubernetes-tls-'));
    const at = (name: string) => path.join(certificates, name);
    let secure: FakeCluster;
    beforeAll(async () => {
      makeCertificates(certificates);
      const served = { cert: readFileSync(at('server.pem')), key: readFileSync(at('server.key')) };
      secure = new FakeCluster((listener) => createTlsServer(served, listener));
      await secure.listen();
      secure.items = [slice('hap', true)];
    });
    afterAll(() => {
      secure.close();
      rmSync(certificates, { recursive: true });
    });
    const under = (more: Partial<KubernetesDiscovery>) =>
      watched(kubernetesDiscovery({ ...settings, api_url: `https://localhost:${secure.port}`, ...more }));

    it('trusts the authority of the cluster, and shows it the token alone', async () => {
      const seen = under({ ca_path: at('ca.pem') });
      await seen.finds('hap@1.0 http://hap.models.svc:8000');
      await secure.says('DELETED', slice('hap', true));
      await seen.finds();
      expect(secure.asked.map(({ token }) => token)).toEqual(['Bearer the-token', 'Bearer the-token']);
      expect(seen.failures).toEqual([]);
      seen.end();
    });

    it.each(['no-such.pem', 'client.pem'])('tells no token to who is not known by %s', async (ca) => {
      secure.asked.splice(0);
      const seen = under({ ca_path: at(ca) });
      await eventually(
        () => seen.failures.length,
        (failed) => failed > 0,
        within,
      );
      expect([secure.asked, seen.findings]).toEqual([[], []]);
      seen.end();
    });
  });
});
