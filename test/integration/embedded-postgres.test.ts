import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { freePort } from '../../src/embedded/ports';
import { type PostgresServer, startPostgres } from '../../src/embedded/postgres-server';

describe('the embedded PostgreSQL', () => {
  let dataDir: string;
  const running: PostgresServer[] = [];
  const start = async (): Promise<PostgresServer> => {
    const server = await startPostgres({ dataDir, port: await freePort(), log: () => undefined });
    running.push(server);
    return server;
  };
  const query = async (url: string, text: string): Promise<unknown[]> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const postmasterFile = (): string => path.join(dataDir, 'postgres', 'postmaster.pid');

  beforeAll(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-pg-'));
    chmodSync(dataDir, 0o755);
  });
  afterEach(() => Promise.all(running.splice(0).map((server) => server.stop())));
  afterAll(() => rmSync(dataDir, { recursive: true }));

  it('serves a role that row-level security binds, and keeps its password to the owner', async () => {
    const { url } = await start();
    expect(
      await query(url, 'select rolsuper, rolbypassrls from pg_roles where rolname = current_user'),
    ).toEqual([{ rolsuper: false, rolbypassrls: false }]);
    expect(statSync(path.join(dataDir, 'postgres.password')).mode & 0o777).toBe(0o600);
    await expect(query(url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow(
      'password authentication',
    );
    expect(await query(url, `select current_setting('fsync') as fsync`)).toEqual([{ fsync: 'on' }]);
    await query(url, 'create table kept (n int)');
  });

  it('keeps what was written when it is killed, and starts again at once', async () => {
    const first = await start();
    await query(first.url, 'insert into kept values (1)');
    process.kill(Number.parseInt(readFileSync(postmasterFile(), 'utf8'), 10), 'SIGKILL');
    await first.exited;
    const second = await start();
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 1 }]);
  });

  it.each(['garbage', '', String(process.pid)])(
    'starts over a stale postmaster.pid that holds %p',
    async (text) => {
      writeFileSync(postmasterFile(), text);
      const { url } = await start();
      expect(await query(url, 'select count(*)::int as rows from kept')).toEqual([{ rows: 1 }]);
    },
  );

  it('refuses a second start on the same folder and leaves the first alone', async () => {
    const { url } = await start();
    await expect(start()).rejects.toThrow(/PostgreSQL is already running for this data folder/);
    await expect(query(url, 'select 1 as one')).resolves.toEqual([{ one: 1 }]);
  });

  it('logs no statement and no value', async () => {
    const { url } = await start();
    await expect(query(url, `select 'marker-4711'::int`)).rejects.toThrow('marker-4711');
    await expect(query(url, `select marker_4712 from kept`)).rejects.toThrow('marker_4712');
    const log = readFileSync(path.join(dataDir, 'logs', 'postgres.log'), 'utf8');
    expect(log).toContain('ready to accept connections');
    expect(log).not.toMatch(/marker.471/);
  });

  it('says what to do about a damaged folder or a lost password', async () => {
    const control = path.join(dataDir, 'postgres', 'global', 'pg_control');
    const good = readFileSync(control);
    writeFileSync(control, 'x');
    await expect(start()).rejects.toThrow(/pg_control[^]*npm start -- --reset/);
    writeFileSync(control, good);
    rmSync(path.join(dataDir, 'postgres.password'));
    await expect(start()).rejects.toThrow(/password[^]*is missing[^]*npm start -- --reset/);
  });
});
