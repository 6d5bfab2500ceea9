import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { startInstalledPostgres } from './installed-postgres.mjs';

/**
 * A Temporal server, a PostgreSQL and, where it is installed, a Redis of their own for one test run, in a temporary
 * folder, on free ports. Tests find them by the variables of `environment`.
 * @param postgresBin folder of the PostgreSQL to use; null: the embedded one
 */
export async function startTestServers(root, temporalBinary, log, postgresBin = null) {
  const load = (file) => import(pathToFileURL(path.join(root, 'dist', 'embedded', file)).href);
  const [{ startTemporal }, { startPostgres }, { freePort }, children, binaries] = await Promise.all(
    ['temporal-server.js', 'postgres-server.js', 'ports.js', 'child.js', 'postgres-binaries.js'].map(load),
  );
  const dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-test-'));
  // As root, PostgreSQL runs as another user, who must be able to enter.
  chmodSync(dataDir, 0o755);
  const servers = [];
  let clusterDir = dataDir;
  const stop = async () => {
    await Promise.allSettled(servers.map((server) => server.stop()));
    for (const folder of [dataDir, clusterDir]) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const port = await freePort();
    const embedded = { ...children, ...binaries };
    const postgres =
      postgresBin === null
        ? await startPostgres({ dataDir, port, log })
        : await startInstalledPostgres({ bin: postgresBin, dataDir, port, embedded });
    servers.push(postgres);
    clusterDir = postgres.clusterDir;
    const temporal = await onFreePorts(log, async () =>
      startTemporal({ binary: temporalBinary, dataDir, port: await freePort(), uiPort: null, log }),
    );
    servers.push(temporal);
    const redis = hasRedis() ? await startRedis(dataDir, await freePort(), children) : null;
    if (redis !== null) servers.push(redis);
    else log('redis-server is not installed: the tests that share a Redis are skipped');
    const environment = {
      CONCLAVE_TEST_DATA_DIR: dataDir,
      CONCLAVE_TEST_TEMPORAL_ADDRESS: temporal.address,
      CONCLAVE_TEST_TEMPORAL_DB: temporal.dbFile,
      CONCLAVE_TEST_DATABASE_URL: postgres.url,
      CONCLAVE_TEST_DATABASE_DIR: postgres.clusterDir,
      ...(redis === null ? {} : { CONCLAVE_TEST_REDIS_URL: redis.url }),
    };
    return { environment, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function hasRedis() {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function startRedis(dataDir, port, { startChild, untilReady }) {
  const child = startChild({
    name: 'Redis',
    command: 'redis-server',
    args: [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      dataDir,
    ],
    logFile: path.join(dataDir, 'logs', 'redis.log'),
    pidFile: path.join(dataDir, 'redis.pid'),
    stopSignal: 'SIGTERM',
  });
  const explain = (how) => new Error(`redis-server did not start: ${how}`);
  await untilReady(child, () => accepts(port), 10_000, explain);
  return { url: `redis://127.0.0.1:${port}`, stop: () => child.stop() };
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** The server picks more ports than we give it, and another process may be quicker to take one of them. */
async function onFreePorts(log, start, triesLeft = 3) {
  try {
    return await start();
  } catch (error) {
    if (triesLeft === 1) throw error;
    log('Temporal did not start; trying other ports');
    return onFreePorts(log, start, triesLeft - 1);
  }
}
