import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { Agent, request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { addressOf, drain, listen } from '../../../src/api/http-server';
import { loadSettings } from '../../../src/config/load-settings';
import { Authenticator } from '../../../src/security/authenticator';
import { certificateOn, certifiedBy } from '../../../src/security/client-certificates';
import { certifiedSchema, tlsSchema } from '../../../src/contract/tls';
import { ServerTls } from '../../../src/security/server-tls';
import type { ConclaveError } from '../../../src/contract/errors';
import { makeCertificates } from '../../support/certificates';
import { appWith } from '../api/support';

const root = mkdtempSync(path.join(tmpdir(), 'conclave-tls-'));
const folder = path.join(root, 'now');
const other = path.join(root, 'other');
const spiffe = 'spiffe://acme.example/chat';
const at = (name: string, dir = folder) => path.join(dir, name);
afterAll(() => rmSync(root, { recursive: true }));
beforeAll(() => {
  mkdirSync(folder);
  mkdirSync(other);
  makeCertificates(folder, [
    ['chat', '/CN=anything', `URI:${spiffe}`],
    ['platform', '/CN=platform', 'DNS:x'],
    ['stranger', '/CN=stranger', `URI:${spiffe}/other`],
    ['twofold', '/CN=platform/CN=stranger', 'DNS:x'],
  ]);
  makeCertificates(other, [['chat', '/CN=anything', `URI:${spiffe}`]]);
});

const certified = [
  { name: spiffe, tenant_id: 'acme', roles: ['viewer'] },
  { name: 'CN=platform', tenant_id: null, roles: ['super_admin'] },
].map((entry) => certifiedSchema.parse(entry));

function authenticatorFor(identityOfCertificate = certifiedBy(certified)): Authenticator {
  return new Authenticator({
    verifyToken: () => Promise.reject(new Error('no tokens here')),
    identityOfKey: () => null,
    identityOfCertificate,
    attempted: () => undefined,
  });
}

const open: Server[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => drain(server, 0)));
});

async function facade(settings: object = {}) {
  const own = { cert_path: at('server.pem'), key_path: at('server.key') };
  const parsed = tlsSchema.parse({ ...own, client_ca_path: at('ca.pem'), ...settings });
  const tls = new ServerTls({ ...parsed, cert_path: parsed.cert_path!, key_path: parsed.key_path! });
  const authenticator = authenticatorFor();
  const app = await appWith({
    authenticate: (shown) => authenticator.authenticate(shown),
    certificateOf: tls.certificateOf,
  });
  const server = await listen(app, 0, '127.0.0.1', tls);
  open.push(server);
  return { tls, server, url: addressOf(server) };
}

interface Me {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Who the facade says that the holder of a certificate is. */
function me(url: string, options: object): Promise<Me> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/api/v1/auth/user`, { ca: readFileSync(at('ca.pem')), ...options });
    asked.once('error', reject).once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () =>
        resolve({
          status: response.statusCode!,
          body: JSON.parse(Buffer.concat(chunks).toString()) as Me['body'],
        }),
      );
    });
    asked.end();
  });
}

const holding = (name: string, dir = folder) => ({
  cert: readFileSync(at(`${name}.pem`, dir)),
  key: readFileSync(at(`${name}.key`, dir)),
});

describe('A certificate of a caller', () => {
  it('stands for whom the settings say, by SPIFFE id or common name', async () => {
    const { url } = await facade();
    expect(url).toMatch(/^https:/);
    expect(await me(url, holding('chat'))).toMatchObject({
      status: 200,
      body: { subject: `cert:${spiffe}`, tenant_id: 'acme', roles: ['viewer'], auth_method: 'certificate' },
    });
    expect((await me(url, holding('platform'))).body).toMatchObject({
      subject: 'cert:CN=platform',
      tenant_id: null,
      roles: ['super_admin'],
    });
  });

  it.each(['stranger', 'twofold', 'client'])('that names nobody is no credential: %s', async (name) => {
    const { url } = await facade();
    expect(await me(url, holding(name))).toMatchObject({
      status: 401,
      body: { detail: 'credentials_missing' },
    });
  });

  it('has no name where one could be taken for another', () => {
    const shown = (subjectaltname: string) =>
      certificateOn({
        authorized: true,
        getPeerCertificate: () => ({
          ...{ subjectaltname, subject: { CN: 'x' } },
          ...{ fingerprint256: 'AA:BB', valid_to: 'Nov 24 03:42:48 2026 GMT' },
        }),
      } as unknown as TLSSocket)?.names;
    expect(shown(`DNS:a, URI:${spiffe}`)).toEqual([spiffe, 'CN=x']);
    expect(shown(`URI:"https://x.example/a, URI:${spiffe}, b"`)).toEqual(['CN=x']);
  });

  it('of another authority is refused, and none is as good as no credential', async () => {
    const { url } = await facade();
    expect(await me(url, holding('chat', other))).toMatchObject({
      status: 401,
      body: { detail: 'certificate_invalid' },
    });
    expect((await me(url, {})).body).toMatchObject({ detail: 'credentials_missing' });
  });

  it('is asked for where it is required: nobody else connects', async () => {
    const { url } = await facade({ client_certificates: 'required' });
    expect((await me(url, holding('chat'))).status).toBe(200);
    await expect(me(url, {})).rejects.toThrow();
    await expect(me(url, holding('chat', other))).rejects.toThrow();
  });

  it('is not asked for without authorities', async () => {
    const { url } = await facade({ client_ca_path: null });
    expect((await me(url, holding('chat'))).body).toMatchObject({ detail: 'credentials_missing' });
    expect(
      tlsSchema.safeParse({ cert_path: 'a', key_path: 'b', client_certificates: 'required' }).success,
    ).toBe(false);
  });

  it('that has expired since is refused', async () => {
    const certificate = { isTrusted: true, names: [spiffe], fingerprint: 'f', expiresAt: Date.now() - 1 };
    const detail = await authenticatorFor()
      .authenticate({ certificate })
      .catch((error: ConclaveError) => error.detail);
    expect(detail).toBe('certificate_invalid');
  });
});

describe('The facade’s own certificate', () => {
  it('is named whole or not at all, and by variables, too', () => {
    for (const part of [{ cert_path: 'a' }, { key_path: 'a' }, { client_ca_path: 'a' }])
      expect(tlsSchema.safeParse(part).success).toBe(false);
    const variables = ['CERT_PATH', 'KEY_PATH', 'CLIENT_CA_PATH'].map((name) => [
      `ORCHESTRATION_SERVICE__TLS__${name}`,
      name,
    ]);
    expect(loadSettings(Object.fromEntries(variables)).settings.service.tls).toMatchObject({
      cert_path: 'CERT_PATH',
      client_certificates: 'optional',
    });
  });

  it('and the authorities are changed without a restart; who connected before is not trusted for it', async () => {
    const files = path.join(root, 'rotated');
    mkdirSync(files);
    const copy = (name: string, from: string) => copyFileSync(at(name, from), at(name, files));
    for (const name of ['server.pem', 'server.key', 'ca.pem']) copy(name, folder);
    const { tls, url } = await facade({
      ...{ cert_path: at('server.pem', files), key_path: at('server.key', files) },
      client_ca_path: at('ca.pem', files),
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await me(url, { ...holding('chat'), agent })).status).toBe(200);
    expect(tls.reload()).toBe(false);

    copy('server.pem', other);
    expect(() => tls.reload()).toThrow(/do not fit together/);
    expect((await me(url, holding('chat'))).status).toBe(200);
    copy('server.key', other);
    copy('ca.pem', other);
    expect(tls.reload()).toBe(true);
    const ca = readFileSync(at('ca.pem', other));
    expect((await me(url, { ...holding('chat', other), ca })).status).toBe(200);
    expect((await me(url, { ...holding('chat'), ca })).body).toMatchObject({ detail: 'certificate_invalid' });
    // The connection from before is still there.
    expect((await me(url, { ...holding('chat'), agent })).body).toMatchObject({
      detail: 'certificate_invalid',
    });
    agent.destroy();
    writeFileSync(at('ca.pem', files), 'nothing');
    expect(() => tls.reload()).toThrow(/service\.tls/);
    rmSync(at('server.pem', files));
    expect(() => tls.reload()).toThrow(/cannot be read/);
  });

  it('changes under a handshake, which is not trusted by the authorities that it was not made under', async () => {
    const files = path.join(root, 'meanwhile');
    mkdirSync(files);
    const copy = (from: string) => {
      for (const name of ['server.pem', 'server.key', 'ca.pem'])
        copyFileSync(at(name, from), at(name, files));
    };
    copy(folder);
    const { tls, server, url } = await facade({
      ...{ cert_path: at('server.pem', files), key_path: at('server.key', files) },
      client_ca_path: at('ca.pem', files),
    });
    const accepted = once(server, 'connection');
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
    await accepted;
    copy(other);
    expect(tls.reload()).toBe(true);
    const ca = readFileSync(at('ca.pem'));
    const createConnection = () => connect({ socket, ca, host: '127.0.0.1', ...holding('chat') });
    expect(await me(url, { createConnection })).toMatchObject({
      status: 401,
      body: { detail: 'certificate_invalid' },
    });
  });

  it('is shown over TLS 1.2 and 1.3 only', async () => {
    const { server } = await facade();
    const { port } = new URL(addressOf(server));
    const protocolOf = (options: ConnectionOptions) =>
      new Promise<string>((resolve) => {
        const ca = readFileSync(at('ca.pem'));
        const socket = connect({ port: Number(port), host: '127.0.0.1', ca, ...options }, () => {
          resolve(socket.getProtocol()!);
          socket.destroy();
        });
        socket.once('error', () => resolve('refused'));
      });
    expect(await protocolOf({})).toBe('TLSv1.3');
    expect(await protocolOf({ maxVersion: 'TLSv1.2' })).toBe('TLSv1.2');
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    expect(await protocolOf(old)).toBe('refused');
  });
});
