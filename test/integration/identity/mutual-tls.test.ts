import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { eventually } from '../../support/eventually';
import { type Part, System } from '../../support/system';

const documented = readFileSync(path.resolve(__dirname, '../../../docs/tls.md'), 'utf8');
const [setup = '', call = ''] = [...documented.matchAll(/```sh\n([^]*?)```/g)].map(([, block]) => block!);

/** What the page has its reader type, in a folder of its own. @returns the variables that it exports */
function typed(folder: string): Record<string, string> {
  const commands = setup.replace(/^npm start$/m, 'env');
  const said = execFileSync('bash', ['-ec', `${commands}`], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
  const exported = said.split('\n').filter((line) => /^ORCHESTRATION_/.test(line));
  return Object.fromEntries(
    exported.map((line) => {
      const [name = '', ...value] = line.split('=');
      const isFile = name.startsWith('ORCHESTRATION_SERVICE__TLS__');
      return [name, isFile ? path.join(folder, value.join('=')) : value.join('=')];
    }),
  );
}

describe('The program with TLS and certificates of callers, as docs/tls.md has it', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conclave-mtls-'));
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'conclave-mtls-'));
  let system: System;
  let env: Record<string, string>;
  beforeAll(async () => {
    env = typed(folder);
    typed(elsewhere);
    system = await System.start({ parts: [] });
  });
  afterEach(() => Promise.all(system.parts.map((part) => part.end('SIGKILL'))));
  afterAll(async () => {
    await system?.stop();
    for (const each of [folder, elsewhere]) rmSync(each, { recursive: true });
  });

  const start = (more: Record<string, string> = {}) => system.startPart('api', { ...env, ...more });
  const portOf = (facade: Part) => Number(new URL(facade.url).port);

  /** The page's line, or one without what it is to go without. @returns the exit code, and what was answered */
  function curl(
    facade: Part,
    without = /^$/,
  ): Promise<{ code: number; body: Record<string, unknown> | null }> {
    const line = call
      .replace('localhost:8000', `localhost:${portOf(facade)}`)
      .replace(without, '')
      .trim();
    return new Promise((resolve) => {
      execFile('bash', ['-c', `${line} -s`], { cwd: folder }, (error, said) =>
        resolve({
          code: typeof error?.code === 'number' ? error.code : 0,
          body: said === '' ? null : (JSON.parse(said) as Record<string, unknown>),
        }),
      );
    });
  }
  const credential = /--cert \S+ --key \S+/;

  it('knows who calls by certificate, and lets nobody else in [A1]', async () => {
    const facade = await start();
    expect(await curl(facade)).toMatchObject({
      code: 0,
      body: {
        subject: 'cert:spiffe://example.org/chat',
        tenant_id: 'demo',
        roles: ['viewer'],
        auth_method: 'certificate',
      },
    });
    expect((await curl(facade, credential)).body).toMatchObject({ detail: 'credentials_missing' });
    // Whoever does not trust the authority finds nobody whom it could believe: curl's code for that is 60.
    expect((await curl(facade, /--cacert \S+/)).code).toBe(60);
  });

  it('breaks connections without a certificate where one is required', async () => {
    const facade = await start({ ORCHESTRATION_SERVICE__TLS__CLIENT_CERTIFICATES: 'required' });
    expect((await curl(facade)).body).toMatchObject({ auth_method: 'certificate' });
    const { code, body } = await curl(facade, credential);
    expect([code === 0, body]).toEqual([false, null]);
  });

  it('changes its certificates under a handshake, which gains nothing by it', async () => {
    const facade = await start();
    const line = new HeldLine(portOf(facade));
    const url = await line.listen();
    const asked = who(url);
    await line.held;
    for (const name of ['ca.pem', 'server.key', 'server.pem']) {
      copyFileSync(path.join(elsewhere, name), path.join(folder, `${name}.new`));
      renameSync(path.join(folder, `${name}.new`), path.join(folder, name));
    }
    await eventually(
      () => facade.log,
      (log) => log.includes('new connections are made with the certificates of now'),
    );
    line.release();
    expect(await asked).toMatchObject({ status: 401, body: { detail: 'certificate_invalid' } });
    line.close();
    // Of the same name, and of an authority that is asked no more.
    expect((await curl(facade)).body).toMatchObject({ detail: 'certificate_invalid' });
    for (const name of ['chat.pem', 'chat.key'])
      copyFileSync(path.join(elsewhere, name), path.join(folder, name));
    expect((await curl(facade)).body).toMatchObject({ auth_method: 'certificate' });
  });

  /** Asked with the first certificates, as they were read before the line was taken. */
  function who(url: string): Promise<{ status: number; body: unknown }> {
    const file = (name: string) => readFileSync(path.join(folder, name));
    const { hostname: host, port } = new URL(url);
    const options = { ca: file('ca.pem'), cert: file('chat.pem'), key: file('chat.key') };
    const createConnection = () => connectTls({ host, port: Number(port), ...options });
    return new Promise((resolve, reject) => {
      const sent = request(`${url}/api/v1/auth/user`, { createConnection });
      sent.once('error', reject).once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () =>
          resolve({
            status: response.statusCode!,
            body: JSON.parse(Buffer.concat(chunks).toString()) as unknown,
          }),
        );
      });
      sent.end();
    });
  }
});

/** A line to a server on which clients are not heard any more once the server has said something, until it is released. */
class HeldLine {
  readonly held: Promise<void>;
  #isHeld: () => void = () => undefined;
  #waiting: Buffer[] | null = [];
  #upstream: Socket | null = null;
  readonly #server: Server;

  constructor(port: number) {
    this.held = new Promise((resolve) => (this.#isHeld = resolve));
    this.#server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      this.#upstream = upstream;
      let spoken = false;
      upstream.on('data', (chunk: Buffer) => {
        spoken = true;
        client.write(chunk);
      });
      client.on('data', (chunk: Buffer) => {
        if (!spoken || this.#waiting === null) {
          upstream.write(chunk);
          return;
        }
        this.#waiting.push(chunk);
        this.#isHeld();
      });
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const)
        one.on('error', () => undefined).once('close', () => other.destroy());
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve()));
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  release(): void {
    for (const chunk of this.#waiting ?? []) this.#upstream!.write(chunk);
    this.#waiting = null;
  }

  close(): void {
    this.#upstream?.destroy();
    this.#server.close();
  }
}
