import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { startChild, untilReady } from '../src/embedded/child';
import { assertPortFree, freePort } from '../src/embedded/ports';
import { SetupError } from '../src/embedded/setup-error';
import { prepareNamespace } from '../src/embedded/temporal-namespace';
import { resolveTool } from '../src/embedded/tools';
import type { Stage } from './stage';

const run = promisify(execFile);
const configuration = resolve(__dirname, '..', 'temporal');
const namespace = 'default';
const readyLimitMs = 90_000;
const services = ['FRONTEND', 'HISTORY', 'MATCHING', 'WORKER'];
/** By Temporal's name of the schema. */
const databases = { temporal: 'temporal', visibility: 'temporal_visibility' } as const;

/**
 * A Temporal server on PostgreSQL with the configuration of temporal/server-postgres.yaml, ready for work. Its programs
 * are fetched or built the first time, which may take minutes.
 * @param database makes an empty database and tells its address
 * @returns host:port of its frontend
 */
export async function startTemporalOnPostgres(
  stage: Stage,
  database: (name: string) => Promise<URL>,
  log: (line: string) => void,
): Promise<string> {
  const server = await resolveTool('temporal-server', log);
  const sqlTool = await resolveTool('temporal-sql-tool', log);
  log('making the databases of Temporal');
  const at = await database(databases.temporal);
  await database(databases.visibility);
  await Promise.all(Object.entries(databases).map(([schema, name]) => layTables(sqlTool, at, schema, name)));

  const frontendPort = await freePort();
  const child = startChild({
    name: 'Temporal',
    command: server,
    args: ['--root', configuration, '--config', '.', '--env', 'server-postgres', '--allow-no-auth', 'start'],
    cwd: configuration,
    env: {
      PATH: process.env['PATH'],
      ...(await otherPorts()),
      TEMPORAL_FRONTEND_PORT: String(frontendPort),
      TEMPORAL_SQL_ADDRESS: at.host,
      TEMPORAL_SQL_USER: at.username,
      TEMPORAL_SQL_PASSWORD: at.password,
      TEMPORAL_DYNAMIC_CONFIG: join(configuration, 'dynamicconfig', 'conclave.yaml'),
    },
    logFile: join(stage.directory, 'temporal-server.log'),
    pidFile: join(stage.directory, 'temporal-server.pid'),
    stopSignal: 'SIGTERM',
  });
  stage.onStrike(() => child.stop());
  const address = `127.0.0.1:${frontendPort}`;
  await untilReady(
    child,
    () => serves(address),
    readyLimitMs,
    (how) =>
      new SetupError(`Temporal did not start (${how}):\n${child.recentLog().slice(-3_000)}`, 'see that log'),
  );
  return address;
}

async function otherPorts(): Promise<Record<string, string>> {
  const environment: Record<string, string> = {};
  for (const service of services) {
    environment[`TEMPORAL_${service}_PORT`] = String(await freePort());
    environment[`TEMPORAL_${service}_MEMBERSHIP_PORT`] = String(await lowPort());
  }
  return environment;
}

/** A free port that fits into a signed 16-bit number, as which Temporal's tables keep the ports of its members. */
async function lowPort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_768);
    const taken = await assertPortFree({ port, purpose: 'Temporal', setting: '' }).then(
      () => false,
      () => true,
    );
    if (!taken) return port;
  }
}

async function layTables(sqlTool: string, at: URL, schema: string, name: string): Promise<void> {
  const connection = [
    ...['--plugin', 'postgres12', '--endpoint', at.hostname, '--port', at.port],
    ...['--user', at.username, '--database', name],
  ];
  const env = { PATH: process.env['PATH'], SQL_PASSWORD: at.password };
  await run(sqlTool, [...connection, 'setup-schema', '--version', '0.0'], { env });
  const versions = `postgresql/v12/${schema}`;
  await run(sqlTool, [...connection, 'update-schema', '--schema-name', versions], { env });
}

async function serves(address: string): Promise<boolean> {
  let connection: Connection | null = null;
  try {
    connection = await Connection.connect({ address, connectTimeout: '1s' });
    const ready = connection;
    await ready.withDeadline(Date.now() + 5_000, () => prepareNamespace(ready, namespace));
    // The frontend learns of a new namespace a little later than its registry does.
    await ready.workflowService.listWorkflowExecutions({ namespace, query: "Kind = 'none'" });
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}
