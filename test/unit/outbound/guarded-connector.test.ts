import type { LookupAddress, lookup as systemLookup } from 'node:dns';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { interceptors, request } from 'undici';
import type { OutboundTarget } from '../../../src/outbound/dispatcher-pools';
import { Outbound } from '../../../src/outbound/outbound';
import type { OutboundSettings } from '../../../src/outbound/target-rules';
import { makeCertificates } from '../../support/certificates';

const production: OutboundSettings = { hosts: null, privateHosts: [], privateNetworks: false, ownUrls: [] };

/** A resolver with an answer of its own for each time it is asked; the last one stays. */
function names(...answers: readonly (readonly string[])[]) {
  let asked = 0;
  const lookup = (
    _hostname: string,
    _options: object,
    callback: (error: Error | null, addresses: LookupAddress[]) => void,
  ) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)]!;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { lookup: lookup as unknown as typeof systemLookup, asked: () => asked };
}

describe('Connections to upstreams', () => {
  let trap: Server;
  let port = 0;
  let visits: string[] = [];
  const open: Outbound[] = [];
  beforeAll(async () => {
    trap = createServer((incoming, response) => {
      visits.push(incoming.url!);
      const to = new URL(incoming.url!, 'http://x').searchParams.get('to');
      if (to === null) response.end('trapped');
      else response.writeHead(302, { location: to }).end();
    });
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', () => resolve()));
    port = (trap.address() as AddressInfo).port;
  });
  beforeEach(() => {
    visits = [];
  });
  afterEach(() => Promise.all(open.splice(0).map((outbound) => outbound.close())));
  afterAll(() => trap.close());

  function outbound(settings: Partial<OutboundSettings>, lookup?: typeof systemLookup): Outbound {
    const made = new Outbound({ ...production, ...settings }, lookup ? { lookup } : {});
    open.push(made);
    return made;
  }

  async function get(
    from: Outbound,
    url: string,
    target: Omit<OutboundTarget, 'id'> = {},
    redirects = 0,
  ): Promise<string> {
    const dispatcher = from.pools
      .dispatcherFor({ id: 'x', ...target })
      .compose(interceptors.redirect({ maxRedirections: redirects }));
    const response = await request(url, { dispatcher });
    return `${response.statusCode} ${await response.body.text()}`;
  }

  it.each([
    '127.0.0.1',
    'localhost',
    'LOCALHOST',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '[::]',
  ])('in production do not reach loopback as %s', async (host) => {
    await expect(get(outbound({}), `http://${host}:${port}/`)).rejects.toMatchObject({
      name: 'OutboundRefused',
      message: 'the host leads to a private network',
    });
    expect(visits).toEqual([]);
  });

  it('reach it in development, and where the target may be there', async () => {
    expect(await get(outbound({ privateNetworks: true }), `http://127.0.0.1:${port}/`)).toBe('200 trapped');
    expect(await get(outbound({}), `http://localhost:${port}/`, { allowPrivateNetwork: true })).toBe(
      '200 trapped',
    );
  });

  it('do not follow a name that turned to loopback after it was judged', async () => {
    const { lookup, asked } = names(['93.184.215.14'], ['127.0.0.1']);
    const from = outbound({}, lookup);
    // Whoever resolves first, say at registration, is shown the public address.
    await new Promise<void>((resolve) => lookup('rebound.example', { all: true }, () => resolve()));
    await expect(get(from, `http://rebound.example:${port}/`)).rejects.toMatchObject({
      name: 'OutboundRefused',
    });
    expect(asked()).toBe(2);
    expect(visits).toEqual([]);
  });

  it('judge each connection anew', async () => {
    const { lookup } = names(['127.0.0.1'], ['169.254.169.254'], ['127.0.0.1']);
    const from = outbound({ privateNetworks: true }, lookup);
    expect(await get(from, `http://rebound.example:${port}/1`)).toBe('200 trapped');
    // Another upstream, so another connection.
    const other = { connections: 7 };
    await expect(get(from, `http://rebound.example:${port}/2`, other)).rejects.toThrow('metadata');
    expect(await get(from, `http://rebound.example:${port}/3`, other)).toBe('200 trapped');
    expect(visits).toEqual(['/1', '/3']);
  });

  it('refuse a name when one of its addresses is refused', async () => {
    const { lookup } = names(['93.184.215.14', '127.0.0.1']);
    await expect(get(outbound({}, lookup), `http://mixed.example:${port}/`)).rejects.toMatchObject({
      name: 'OutboundRefused',
    });
    expect(visits).toEqual([]);
  });

  it('judge the target of a redirect like any other', async () => {
    const { lookup } = names(['127.0.0.1']);
    const from = outbound({ privateHosts: ['inside.example'] }, lookup);
    const start = `http://inside.example:${port}`;
    expect(await get(from, `${start}/?to=${encodeURIComponent(`${start}/there`)}`, {}, 5)).toBe(
      '200 trapped',
    );
    for (const to of [
      `http://127.0.0.1:${port}/caught`,
      `http://outside.example:${port}/caught`,
      'http://169.254.169.254/caught',
    ]) {
      await expect(get(from, `${start}/?to=${encodeURIComponent(to)}`, {}, 5)).rejects.toMatchObject({
        name: 'OutboundRefused',
      });
    }
    expect(visits.filter((url) => url === '/caught')).toEqual([]);
  });

  it('go to listed hosts only, redirects included', async () => {
    const { lookup } = names(['127.0.0.1']);
    const from = outbound({ hosts: ['listed.example'], privateNetworks: true }, lookup);
    const listed = `http://listed.example:${port}`;
    expect(await get(from, listed)).toBe('200 trapped');
    await expect(get(from, `http://other.example:${port}/`)).rejects.toThrow('list of allowed');
    const away = encodeURIComponent(`http://other.example:${port}/caught`);
    await expect(get(from, `${listed}/?to=${away}`, {}, 5)).rejects.toThrow('list of allowed');
    expect(visits).not.toContain('/caught');
  });

  it('of a slow upstream run out without those of another', async () => {
    const held: (() => void)[] = [];
    const slow = createServer((_incoming, response) => void held.push(() => response.end('at last')));
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', () => resolve()));
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}/`;
    const from = outbound({ privateNetworks: true });
    const ask = (id: string) =>
      request(url, { dispatcher: from.pools.dispatcherFor({ id, connections: 2 }) }).then(({ body }) =>
        body.text(),
      );
    const first = [ask('slow'), ask('slow'), ask('slow')];
    while (held.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const other = ask('other');
    while (held.length < 3) await new Promise((resolve) => setImmediate(resolve));
    // The third of the slow one still waits for a connection.
    held[2]!();
    expect(await other).toBe('at last');
    expect(held).toHaveLength(3);
    held[0]!();
    held[1]!();
    while (held.length < 4) await new Promise((resolve) => setImmediate(resolve));
    held[3]!();
    expect(await Promise.all(first)).toEqual(['at last', 'at last', 'at last']);
    slow.close();
  });

  describe('with certificates', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'conclave-tls-'));
    const at = (name: string) => path.join(folder, name);
    let server: Server;
    let url = '';
    beforeAll(async () => {
      makeCertificates(folder);
      server = createTlsServer(
        {
          cert: readFileSync(at('server.pem')),
          key: readFileSync(at('server.key')),
          ca: readFileSync(at('ca.pem')),
          requestCert: true,
          rejectUnauthorized: true,
        },
        (incoming, response) =>
          response.end((incoming.socket as TLSSocket).getPeerCertificate().subject.CN as string),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
      url = `https://localhost:${(server.address() as AddressInfo).port}/`;
    });
    afterAll(() => {
      server.close();
      rmSync(folder, { recursive: true });
    });
    const references = (...names: readonly string[]) =>
      Object.fromEntries(
        names.map((name) => [
          `${name}_ref`,
          `file:${at(name === 'ca' ? 'ca.pem' : `client.${name === 'key' ? 'key' : 'pem'}`)}`,
        ]),
      );

    it('show ours and judge theirs', async () => {
      const from = outbound({ privateNetworks: true });
      expect(await get(from, url, { tls: references('cert', 'key', 'ca') })).toBe('200 conclave');
    });

    it('fail without ours, or with an authority that is not known', async () => {
      const from = outbound({ privateNetworks: true });
      await expect(get(from, url, { tls: references('ca') })).rejects.toThrow();
      await expect(get(from, url, { tls: references('cert', 'key') })).rejects.toThrow(/certificate/);
      await expect(
        get(from, url, { tls: { cert_ref: 'env:NO_SUCH', key_ref: 'env:NO_SUCH' } }),
      ).rejects.toMatchObject({
        name: 'CredentialsError',
      });
    });
  });
});
