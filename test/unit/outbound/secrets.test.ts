import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fromVault } from '../../../src/outbound/secret-schemes';
import { Secrets } from '../../../src/outbound/secrets';

describe('Secrets', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conclave-secrets-'));
  const file = path.join(folder, 'secret');
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(() => writeFileSync(file, 'from a file\n'));

  it('follows env: and file:, without the line break at the end', async () => {
    const secrets = Secrets.of({ NAME: 'sesame' });
    expect(await secrets.read('env:NAME')).toBe('sesame');
    expect(await secrets.read(`file:${file}`)).toBe('from a file');
  });

  it.each([
    ['sesame', 'a secret must be a reference like env:NAME or file:path'],
    ['', 'a secret must be a reference like env:NAME or file:path'],
    ['constructor:x', 'a secret must be a reference like env:NAME or file:path'],
    ['env:NO_SUCH', 'env:NO_SUCH holds no secret'],
    ['env:EMPTY', 'env:EMPTY holds no secret'],
    ['file:/no/such/file', 'file:/no/such/file holds no secret'],
    ['vault:secret/data/x#key', 'vault:secret/data/x#key needs VAULT_ADDR'],
    ['aws-sm:x', 'aws-sm:x needs AWS_REGION'],
  ])('refuses %s by the reference, never by a value', async (reference, message) => {
    const secrets = Secrets.of({ EMPTY: ' ' });
    const failure = secrets.read(reference);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ name: 'CredentialsError', retryable: false });
  });

  it.each([
    'env:ORCHESTRATION_JWT_SECRET_KEY',
    'env:orchestration_x',
    'env:VAULT_TOKEN',
    'env:CONCLAVE_MASTER_KEY',
  ])('gives nobody what the installation runs with: %s', async (reference) => {
    const secrets = Secrets.of({
      ...{ ORCHESTRATION_JWT_SECRET_KEY: 's', orchestration_x: 's', VAULT_TOKEN: 's' },
      CONCLAVE_MASTER_KEY: 's',
    });
    await expect(secrets.read(reference)).rejects.toThrow(`${reference} is no secret for upstreams`);
  });

  it('gives nobody a file of the process, or of a closed folder, however it is named', async () => {
    const closed = path.join(folder, 'data');
    mkdirSync(closed);
    writeFileSync(path.join(closed, 'master.key'), 'sesame');
    symlinkSync(closed, path.join(folder, 'way-in'));
    const secrets = Secrets.of({}, [closed]);
    const names = ['data/master.key', 'data/../data/master.key', 'way-in/master.key'];
    for (const file of [...names.map((name) => `${folder}/${name}`), '/proc/self/environ']) {
      await expect(secrets.read(`file:${file}`)).rejects.toThrow('is no secret for upstreams');
    }
    expect(await secrets.read(`file:${file}`)).toBe('from a file');
  });

  it('keeps a value for ten seconds, then asks again, so that secrets can be rotated', async () => {
    let now = 0;
    let asked = 0;
    const secrets = new Secrets({ env: async (name) => `${name}-${++asked}` }, undefined, () => now);
    expect([await secrets.read('env:A'), await secrets.read('env:A')]).toEqual(['A-1', 'A-1']);
    now = 9_999;
    expect(await secrets.read('env:A')).toBe('A-1');
    now = 10_001;
    expect(await secrets.read('env:A')).toBe('A-2');
    secrets.forget('env:A');
    expect(await secrets.read('env:A')).toBe('A-3');
  });

  it('puts on record by name which secret is read or refused, once in five minutes', async () => {
    let now = 0;
    const noted: object[] = [];
    const schemes = { env: async (name: string) => (name === 'NONE' ? undefined : 'sesame') };
    const secrets = new Secrets(
      schemes,
      (read) => noted.push(read),
      () => now,
    );
    for (now of [0, 20_000, 290_000]) {
      await secrets.read('env:A');
      await expect(secrets.read('env:NONE')).rejects.toThrow('holds no secret');
    }
    const read = { reference: 'env:A', outcome: 'read' };
    const refused = { reference: 'env:NONE', outcome: 'refused' };
    expect(noted).toEqual([read, refused]);
    now = 300_001;
    await secrets.read('env:A');
    expect(noted).toEqual([read, refused, read]);
    await expect(secrets.read('sesame itself')).rejects.toThrow('must be a reference');
    expect(noted).toHaveLength(3);
  });

  it('asks once for all who wait, and keeps no failure', async () => {
    let asked = 0;
    const secrets = new Secrets({ env: async () => (++asked === 1 ? undefined : 'sesame') });
    const both = await Promise.allSettled([secrets.read('env:A'), secrets.read('env:A')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(asked).toBe(1);
    expect(await secrets.read('env:A')).toBe('sesame');
  });

  describe('in a vault', () => {
    let server: Server;
    let address = '';
    let answer: { status: number; body: string } = { status: 200, body: '{}' };
    const asked: { url: string | undefined; token: string | string[] | undefined }[] = [];
    beforeAll(async () => {
      server = createServer((request, response) => {
        asked.push({ url: request.url, token: request.headers['x-vault-token'] });
        response.writeHead(answer.status, { location: '/elsewhere' }).end(answer.body);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => server.close());
    beforeEach(() => asked.splice(0));

    const read = (place: string) => fromVault({ address, token: () => 'root', namespace: undefined })(place);

    it.each([
      ['version 1', { data: { api_key: 'sesame' } }],
      ['version 2', { data: { data: { api_key: 'sesame' }, metadata: { version: 3 } } }],
    ])('reads the key-value engine, %s', async (_name, body) => {
      answer = { status: 200, body: JSON.stringify(body) };
      expect(await read('secret/data/lakera#api_key')).toBe('sesame');
      expect(await read('secret/data/lakera#other')).toBeUndefined();
      expect(asked[0]).toEqual({ url: '/v1/secret/data/lakera', token: 'root' });
    });

    it.each([
      [403, '{}', 'vault:a#b was refused by the vault (403)', false],
      [503, '{}', 'vault:a#b was refused by the vault (503)', true],
      [302, '', 'vault:a#b got no answer from the vault', true],
      [200, 'hello', 'vault:a#b got an answer that is none of a vault', false],
    ])('says by the reference what is wrong: %d %s', async (status, body, message, retryable) => {
      answer = { status, body };
      await expect(read('a#b')).rejects.toMatchObject({ name: 'CredentialsError', message, retryable });
    });

    it('holds nothing at a path that is not there', async () => {
      answer = { status: 404, body: '{"errors":[]}' };
      expect(await read('a#b')).toBeUndefined();
    });
  });
});
