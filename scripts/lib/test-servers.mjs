import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * A Temporal server and a PostgreSQL of their own for one test run, in a temporary folder, on free ports. Tests find them
 * by the variables of `environment`.
 */
export async function startTestServers(root, temporalBinary, log) {
  const load = (file) => import(pathToFileURL(path.join(root, 'dist', 'embedded', file)).href);
  const [{ startTemporal }, { startPostgres }, { freePort }] = await Promise.all(
    ['temporal-server.js', 'postgres-server.js', 'ports.js'].map(load),
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
    const postgres = await startPostgres({ dataDir, port: await freePort(), log });
    servers.push(postgres);
    clusterDir = postgres.clusterDir;
    const temporal = await startTemporal({
      binary: temporalBinary,
      dataDir,
      port: await freePort(),
      uiPort: null,
      log,
    });
    servers.push(temporal);
    const environment = {
      CONCLAVE_TEST_DATA_DIR: dataDir,
      CONCLAVE_TEST_TEMPORAL_ADDRESS: temporal.address,
      CONCLAVE_TEST_TEMPORAL_DB: temporal.dbFile,
      CONCLAVE_TEST_DATABASE_URL: postgres.url,
      CONCLAVE_TEST_DATABASE_DIR: postgres.clusterDir,
    };
    return { environment, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
