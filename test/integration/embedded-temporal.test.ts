import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { moveDataAside } from '../../src/embedded/reset';
import { freePort } from '../../src/embedded/ports';
import { type TemporalServer, startTemporal } from '../../src/embedded/temporal-server';
import { searchAttributes } from '../../src/embedded/temporal-settings';
import { resolveTool } from '../../src/embedded/tools';

describe('the embedded Temporal server', () => {
  let dataDir: string;
  let binary: string;
  const running: TemporalServer[] = [];
  const silent = (): void => undefined;
  const start = async (namespace: string, uiPort: number | null = null, own: string[] = []) => {
    const server = await startTemporal({
      binary,
      dataDir,
      port: await freePort(),
      uiPort,
      namespaces: [namespace, ...own],
      log: silent,
    });
    running.push(server);
    return server;
  };
  const describeNamespace = async ({ address }: TemporalServer, namespace: string): Promise<object> => {
    const connection = await Connection.connect({ address });
    try {
      const { config } = await connection.workflowService.describeNamespace({ namespace });
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      return {
        hours: Number(config?.workflowExecutionRetentionTtl?.seconds) / 3600,
        attributes: Object.keys(customAttributes ?? {}).sort(),
      };
    } finally {
      await connection.close();
    }
  };
  const prepared = { hours: 72, attributes: Object.keys(searchAttributes()).sort() };

  beforeAll(async () => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-temporal-'));
    binary = await resolveTool('temporal', silent);
  });
  afterEach(() => Promise.all(running.splice(0).map((server) => server.stop())));
  afterAll(() => rmSync(dataDir, { recursive: true }));

  it('comes up with namespace, retention, search attributes and Web', async () => {
    const server = await start('default', await freePort());
    expect(await describeNamespace(server, 'default')).toEqual(prepared);
    expect((await fetch(server.uiUrl!)).status).toBe(200);
  });

  it('keeps its database over a restart, and prepares another namespace in it', async () => {
    const server = await start('conclave');
    expect(await describeNamespace(server, 'default')).toEqual(prepared);
    expect(await describeNamespace(server, 'conclave')).toEqual(prepared);
  });

  it('prepares every namespace that it is to have', async () => {
    const server = await start('default', null, ['conclave-acme', 'conclave-beta']);
    for (const namespace of ['default', 'conclave-acme', 'conclave-beta'])
      expect(await describeNamespace(server, namespace)).toEqual(prepared);
  });

  it('starts again after a kill', async () => {
    const first = await start('default');
    const { child } = JSON.parse(readFileSync(path.join(dataDir, 'temporal.pid'), 'utf8')) as {
      child: { pid: number };
    };
    process.kill(child.pid, 'SIGKILL');
    await expect(first.exited).resolves.toBe('signal SIGKILL');
    expect(await describeNamespace(await start('default'), 'default')).toEqual(prepared);
  });

  it('names the setting when the port of its Web is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    await expect(start('default', port)).rejects.toThrow('ORCHESTRATION_WORKFLOW__EMBEDDED_UI_PORT');
    holder.close();
  });

  it('says what to do about a damaged database, and that remedy works', async () => {
    for (const suffix of ['-wal', '-shm'])
      rmSync(path.join(dataDir, `temporal.db${suffix}`), { force: true });
    writeFileSync(path.join(dataDir, 'temporal.db'), 'this is no database'.repeat(1000));
    await expect(start('default')).rejects.toThrow(/temporal.db is damaged[^]*npm start -- --reset/);
    const now = new Date('2026-01-02T03:04:05Z');
    await moveDataAside(dataDir, now, silent);
    expect(await describeNamespace(await start('default'), 'default')).toEqual(prepared);
    rmSync(`${dataDir}.before-2026-01-02T03-04-05-000Z`, { recursive: true });
  });
});
