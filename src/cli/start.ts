import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import pc from 'picocolors';
import { type Conclave, type Servers, startConclave } from '../app';
import type { Settings } from '../contract/config';
import { createDetectorService } from '../detectors/service/detector-service';
import { type Child, startChild, stopLeftover, untilReady } from '../embedded/child';
import { assertPortFree } from '../embedded/ports';
import { onParentGone } from '../embedded/parent';
import { startPostgres } from '../embedded/postgres-server';
import { moveDataAside } from '../embedded/reset';
import { SetupError } from '../embedded/setup-error';
import { startTemporal } from '../embedded/temporal-server';
import { resolveTool } from '../embedded/tools';
import { createMapperService } from '../mapper/service';
import { createLogger, type Logger } from '../telemetry/logger';
import { refuseUnsafeStart } from './refuse-unsafe-start';
import { version } from './version';

export const parts = ['all', 'api', 'worker', 'mapper', 'detectors'] as const;
export type Part = (typeof parts)[number];

/** `broken` rejects when a part breaks down by itself. Wrapped, because a promise returned is a promise awaited. */
interface Running {
  readonly broken: Promise<never>;
}

const unbreakable: Running = { broken: new Promise<never>(() => undefined) };

/** Runs in reverse order of what was started. */
type Stop = () => Promise<void>;

const say = (line: string): void => void process.stderr.write(`conclave: ${line}\n`);

/** Runs a part of Conclave, or all of it on this machine, until a signal; the exit code says how it ended. */
export async function start(part: Part, settings: Settings, options: { reset: boolean }): Promise<number> {
  refuseUnsafeStart(settings);
  mkdirSync(path.join(settings.service.data_dir, 'logs'), { recursive: true });
  const log = createLogger(part === 'all' ? 'conclave' : part, settings.monitoring.log_level);
  const stops: Stop[] = [];
  const signal = untilSignal();
  try {
    if (options.reset) await moveDataAside(settings.service.data_dir, new Date(), say);
    const running = launch(part, settings, log, stops);
    await Promise.race([signal, running.then(({ broken }) => broken)]);
    return 0;
  } catch (error) {
    say(describe(error));
    return 1;
  } finally {
    if (part === 'all') say('stopping');
    for (const stop of stops.reverse())
      await stop().catch((error: unknown) => log.warn({ error }, 'stopping a part failed'));
  }
}

function launch(part: Part, settings: Settings, log: Logger, stops: Stop[]): Promise<Running> {
  switch (part) {
    case 'all':
      return launchAll(settings, log, stops);
    case 'api':
      return launchConclave(settings, externalServers(settings), log, stops, {
        facade: true,
        maintenance: false,
        pools: false,
      });
    case 'worker':
      return launchConclave(settings, externalServers(settings), log, stops, {
        facade: false,
        maintenance: true,
        pools: true,
      });
    case 'mapper':
      return launchMapper(settings, log, stops);
    case 'detectors':
      return launchDetectors(settings, log, stops);
  }
}

async function launchAll(settings: Settings, log: Logger, stops: Stop[]): Promise<Running> {
  const { service, registry, workflow, mapper } = settings;
  await assertPortFree({ port: service.port, purpose: 'the API', setting: 'ORCHESTRATION_PORT' });
  await assertPortFree({ port: mapper.port, purpose: 'the mapper', setting: 'ORCHESTRATION_MAPPER__PORT' });
  const codecToken = settings.security.codec_token ?? randomBytes(24).toString('base64url');
  const temporalWebOrigins = [
    `http://127.0.0.1:${workflow.embedded_ui_port}`,
    `http://localhost:${workflow.embedded_ui_port}`,
  ];

  say('starting PostgreSQL, Temporal, the builtin detectors and the mapper');
  const [databaseUrl, temporal, builtinUrl] = await Promise.all([
    databaseFor(settings, stops),
    temporalFor(settings, codecToken, stops),
    builtinDetectors(settings, stops),
  ]);
  if (mapper.url === null) await launchMapper(settings, log, stops);
  const servers: Servers = {
    databaseUrl,
    temporalAddress: temporal.address,
    builtinUrl: settings.registry.builtin_url ?? builtinUrl,
    mapperUrl: mapper.url ?? `http://${mapper.host}:${mapper.port}`,
    temporalWebOrigins,
  };
  say('starting the facade and its worker');
  const running = await launchConclave(
    settings,
    servers,
    log,
    stops,
    { facade: true, maintenance: true, pools: true },
    codecToken,
  );
  announce(settings, temporal.uiUrl, registry.builtin_port);
  return running;
}

async function launchConclave(
  settings: Settings,
  servers: Servers,
  log: Logger,
  stops: Stop[],
  which: { facade: boolean; maintenance: boolean; pools: boolean },
  codecToken: string | null = settings.security.codec_token,
): Promise<Running> {
  const conclave: Conclave = await startConclave({
    settings,
    servers,
    version,
    log,
    opaPath: () => resolveTool('opa', say),
    parts: which,
    codecToken,
  });
  stops.push(() => conclave.stop());
  log.info({ address: conclave.address }, which.facade ? 'the facade is ready' : 'the worker is ready');
  return conclave;
}

async function databaseFor(settings: Settings, stops: Stop[]): Promise<string> {
  if (settings.database.url !== null) return settings.database.url;
  const server = await startPostgres({
    dataDir: settings.service.data_dir,
    port: settings.database.embedded_port,
    log: say,
  });
  stops.push(() => server.stop());
  return server.url;
}

async function temporalFor(
  settings: Settings,
  codecToken: string,
  stops: Stop[],
): Promise<{ address: string; uiUrl: string | null }> {
  const { workflow, service } = settings;
  if (workflow.address !== null) return { address: workflow.address, uiUrl: null };
  const server = await startTemporal({
    binary: await resolveTool('temporal', say),
    dataDir: service.data_dir,
    port: workflow.embedded_port,
    uiPort: workflow.embedded_ui_port,
    namespace: workflow.namespace,
    codecEndpoint: `http://127.0.0.1:${service.port}/api/v1/codec/${codecToken}`,
    log: say,
  });
  stops.push(() => server.stop());
  return server;
}

/** The builtin detectors judge in a process of their own, so that their CPU time is not the API's. */
async function builtinDetectors(settings: Settings, stops: Stop[]): Promise<string> {
  const { builtin_host: host, builtin_port: port, builtin_url: elsewhere } = settings.registry;
  if (elsewhere !== null) return elsewhere;
  const url = `http://${host}:${port}`;
  const dataDir = path.resolve(settings.service.data_dir);
  const pidFile = path.join(dataDir, 'detectors.pid');
  await stopLeftover('the builtin detectors', pidFile, 'SIGTERM');
  await assertPortFree({
    port,
    purpose: 'the builtin detectors',
    setting: 'ORCHESTRATION_REGISTRY__BUILTIN_PORT',
  });
  const child: Child = startChild({
    name: 'The builtin detectors',
    command: process.execPath,
    args: [path.join(__dirname, 'main.js'), 'start', 'detectors'],
    logFile: path.join(dataDir, 'logs', 'detectors.log'),
    pidFile,
    stopSignal: 'SIGTERM',
  });
  stops.push(() => child.stop());
  await untilReady(
    child,
    () => answers(`${url}/health`),
    30_000,
    (how) =>
      new SetupError(
        `The builtin detectors did not start (${how}).`,
        `see ${path.join(dataDir, 'logs', 'detectors.log')}`,
      ),
  );
  return url;
}

async function launchDetectors(settings: Settings, log: Logger, stops: Stop[]): Promise<Running> {
  const service = createDetectorService({ logger: log });
  await service.listen(settings.registry.builtin_port, settings.registry.builtin_host);
  stops.push(() => service.close());
  return unbreakable;
}

async function launchMapper(settings: Settings, log: Logger, stops: Stop[]): Promise<Running> {
  const { mapper } = settings;
  const service = createMapperService({
    taxonomyDir: mapper.taxonomy_path,
    ratePerMinute: trustedCallers(settings),
    ...(mapper.service_key === null ? {} : { serviceKey: mapper.service_key }),
    logger: log,
  });
  await service.listen(mapper.port, mapper.host);
  stops.push(() => service.close());
  log.info({ port: mapper.port }, 'the mapper listens');
  return unbreakable;
}

/** On loopback without a service key only our own orchestrator calls; its own limits are the ones that count. */
function trustedCallers(settings: Settings): number | undefined {
  return settings.mapper.service_key === null && settings.mapper.host === '127.0.0.1' ? 1_000_000 : undefined;
}

function externalServers(settings: Settings): Servers {
  const { database, workflow, mapper, registry } = settings;
  const missing = [
    database.url === null ? 'ORCHESTRATION_DATABASE_URL' : null,
    workflow.address === null ? 'ORCHESTRATION_WORKFLOW__ADDRESS' : null,
  ].filter((name) => name !== null);
  if (database.url === null || workflow.address === null) {
    throw new SetupError(
      'This part runs against servers of its own, which are not named.',
      `set ${missing.join(' and ')}, or run everything here with: npm start`,
    );
  }
  return {
    databaseUrl: database.url,
    temporalAddress: workflow.address,
    builtinUrl: registry.builtin_url ?? `http://${registry.builtin_host}:${registry.builtin_port}`,
    mapperUrl: mapper.url ?? `http://${mapper.host}:${mapper.port}`,
    temporalWebOrigins: [],
  };
}

function announce(settings: Settings, temporalWeb: string | null, detectorsPort: number): void {
  const api = `http://127.0.0.1:${settings.service.port}`;
  const row = (name: string, url: string): string => `  ${name.padEnd(14)} ${pc.cyan(url)}\n`;
  process.stdout.write(
    `\n${pc.bold('Conclave is ready.')}\n` +
      row('API', `${api}/api/v1`) +
      row('API docs', `${api}/api/v1/docs`) +
      (temporalWeb === null ? '' : row('Temporal Web', temporalWeb)) +
      row('Mapper', `http://127.0.0.1:${settings.mapper.port}/api/v1`) +
      row('Detectors', `http://127.0.0.1:${detectorsPort}`) +
      `\nTry it:\n  curl -s ${api}/api/v1/orchestrate -H 'Content-Type: application/json' -d '` +
      '{"content":"Mail jane.doe@example.com, card 4111 1111 1111 1111","content_type":"text","tenant_id":"demo","policy_bundle":"default","environment":"dev"}' +
      `'\n\nCtrl-C stops everything.\n\n`,
  );
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
    onParentGone(resolve);
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : 'the start failed';
}
