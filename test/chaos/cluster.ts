import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import type { Stage } from '../../bench/stage';
import { freePort } from '../../src/embedded/ports';
import { type PostgresServer, startPostgres } from '../../src/embedded/postgres-server';
import { SetupError } from '../../src/embedded/setup-error';
import { startTemporal, type TemporalServer } from '../../src/embedded/temporal-server';
import { resolveTool } from '../../src/embedded/tools';
import { TcpProxy } from '../support/tcp-proxy';
import { DetectorRelay } from './detector-relay';
import { ProductPart, program } from './product-part';
import { ServerPart } from './server-part';

const pool = 'chaos';
const probeMs = 1000;

/** Real detectors; `pooled` is called by workers of its pool alone, so that a dead worker is felt. */
const detectors = [
  { name: 'pii', endpoint: 'builtin:pii' },
  { name: 'secrets', endpoint: 'builtin:secrets' },
  { name: 'toxicity', endpoint: 'builtin:toxicity' },
  { name: 'pooled', endpoint: 'builtin:prompt-injection', pool },
].map((detector) => ({
  ...detector,
  timeout_ms: 5000,
  max_retries: 2,
  capabilities: { supported_content_types: ['text'], batch_supported: true },
}));

const bundles = {
  default: ['pii', 'secrets', 'toxicity'],
  pooled: ['pii', 'pooled'],
} as const;
export type BundleName = keyof typeof bundles;

/**
 * What differs from the defaults. Breakers and probes look again after seconds, not minutes: what is measured is how
 * Conclave comes back, not how long it waits to try. Jobs may take longer than a fault and its backlog.
 */
const settings = {
  ORCHESTRATION_ENV: 'development',
  ORCHESTRATION_MAPPER__AUTO_MAP_RESULTS: 'false',
  ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '120000',
  ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS: '2',
  ORCHESTRATION_ORCHESTRATION__HEALTH_CHECK_INTERVAL_SECONDS: '2',
  ORCHESTRATION_ORCHESTRATION__SUSPECT_PROBE_INTERVAL_SECONDS: '1',
  ORCHESTRATION_ORCHESTRATION__RECOVERY_CHECK_INTERVAL_SECONDS: '2',
};

/** A Conclave of separate processes with servers, ports and data of its own, all of which may be killed. */
export interface Cluster {
  /** Origin of the facade. */
  readonly url: string;
  readonly databaseUrl: string;
  readonly relay: DetectorRelay;
  readonly facade: ProductPart;
  readonly worker: ProductPart;
  readonly detectors: ProductPart;
  readonly temporal: ServerPart<TemporalServer>;
  readonly postgres: ServerPart<PostgresServer>;
  readonly workerToTemporal: TcpProxy;
  readonly facadeToStore: TcpProxy;
}

/** Stopped when the stage is struck. */
export async function startCluster(stage: Stage, log: (line: string) => void): Promise<Cluster> {
  if (!existsSync(program)) throw new SetupError('Conclave is not built.', 'npm run build');
  const dataDir = path.join(stage.directory, 'servers');
  const [postgres, temporal] = await startServers(stage, dataDir, log);
  const databaseUrl = (await postgres.start()).url;
  const temporalAddress = (await temporal.start()).address;
  const facadeToStore = await proxyBefore(stage, databaseUrl);
  const workerToTemporal = await proxyBefore(stage, temporalAddress);

  const [port, detectorPort] = await Promise.all([freePort(), freePort()]);
  const detectorUrl = `http://127.0.0.1:${detectorPort}`;
  const relay = new DetectorRelay(detectorUrl);
  stage.onStrike(() => relay.close());
  const env = {
    ...settings,
    ...writeConfiguration(stage.directory),
    ORCHESTRATION_SECURITY__MASTER_KEY: randomBytes(32).toString('base64'),
    ORCHESTRATION_REGISTRY__BUILTIN_URL: await relay.listen(),
    ORCHESTRATION_REGISTRY__BUILTIN_PORT: String(detectorPort),
  };
  const url = `http://127.0.0.1:${port}`;
  const part = (
    name: 'api' | 'worker' | 'detectors',
    own: Readonly<Record<string, string>>,
    ready: (text: string) => Promise<boolean> | boolean,
  ): ProductPart => {
    const made = new ProductPart({ name, folder: stage.directory, env: { ...env, ...own }, ready });
    stage.onStrike(() => made.stop());
    return made;
  };
  const throughProxy = new URL(databaseUrl);
  throughProxy.host = facadeToStore.address;
  const cluster: Cluster = {
    url,
    databaseUrl,
    relay,
    temporal,
    postgres,
    workerToTemporal,
    facadeToStore,
    detectors: part('detectors', {}, () => answers(`${detectorUrl}/health`)),
    worker: part(
      'worker',
      {
        ORCHESTRATION_DATABASE_URL: databaseUrl,
        ORCHESTRATION_WORKFLOW__ADDRESS: workerToTemporal.address,
        ORCHESTRATION_WORKFLOW__POOLS: JSON.stringify([pool]),
      },
      (text) => text.includes('the worker is ready'),
    ),
    facade: part(
      'api',
      {
        ORCHESTRATION_PORT: String(port),
        ORCHESTRATION_DATABASE_URL: throughProxy.href,
        ORCHESTRATION_WORKFLOW__ADDRESS: temporalAddress,
      },
      () => answers(`${url}/api/v1/health/live`),
    ),
  };
  await cluster.detectors.start();
  await Promise.all([cluster.worker.start(), cluster.facade.start()]);
  return cluster;
}

async function startServers(stage: Stage, dataDir: string, log: (line: string) => void) {
  const [binary, postgresPort, temporalPort] = await Promise.all([
    resolveTool('temporal', log),
    freePort(),
    freePort(),
  ]);
  const postgres = new ServerPart(
    () => startPostgres({ dataDir, port: postgresPort, log }),
    path.join(dataDir, 'postgres.pid'),
  );
  const temporal = new ServerPart(
    () => startTemporal({ binary, dataDir, port: temporalPort, uiPort: null, log }),
    path.join(dataDir, 'temporal.pid'),
  );
  mkdirSync(dataDir, { mode: 0o711 });
  for (const server of [postgres, temporal]) stage.onStrike(() => server.stop());
  return [postgres, temporal] as const;
}

async function proxyBefore(stage: Stage, address: string): Promise<TcpProxy> {
  const proxy = TcpProxy.before(address);
  await proxy.open();
  stage.onStrike(() => proxy.cut());
  return proxy;
}

function writeConfiguration(folder: string): Record<string, string> {
  const registry = path.join(folder, 'detectors.yaml');
  writeFileSync(registry, stringify({ detectors }));
  for (const [policy_bundle, required_detectors] of Object.entries(bundles)) {
    const bundle = path.join(folder, 'policies', 'demo', policy_bundle);
    mkdirSync(bundle, { recursive: true });
    writeFileSync(
      path.join(bundle, 'policy.yaml'),
      stringify({
        tenant_id: 'demo',
        policy_bundle,
        required_detectors,
        coverage_calculation: { calculation_method: 'required_set' },
        rate_limit_per_minute: 100_000,
      }),
    );
  }
  const file = path.join(folder, 'settings.yaml');
  writeFileSync(file, '{}\n');
  return {
    ORCHESTRATION_CONFIG_PATH: file,
    ORCHESTRATION_DATA_DIR: path.join(folder, 'conclave'),
    ORCHESTRATION_DETECTOR_REGISTRY_PATH: registry,
    ORCHESTRATION_POLICY_STORE_PATH: path.join(folder, 'policies'),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(probeMs) })).ok;
  } catch {
    return false;
  }
}
