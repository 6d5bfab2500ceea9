import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Settings } from '../contract/config';
import { allNamespaces } from '../domain/tenant-namespaces';
import { startChild, stopLeftover, untilReady } from '../embedded/child';
import { startPostgres } from '../embedded/postgres-server';
import { SetupError } from '../embedded/setup-error';
import { startTemporal } from '../embedded/temporal-server';
import { resolveTool } from '../embedded/tools';
import { colors } from './colors';
import { assertDatabaseAnswers, assertTemporalPrepared, temporalWebOrigins } from './external-servers';
import { assertDetectorsPortFree, assertFacadePortFree, assertMapperPortFree } from './free-ports';
import { launchConclave } from './launch-conclave';
import type { LaunchContext } from './launch-context';
import { launchMapper } from './launch-mapper';

const detectorsStartMs = 30_000;

/** Everything on this machine: servers that the settings do not name are started as children. */
export async function launchAll(context: LaunchContext): Promise<void> {
  const { settings, say } = context;
  await assertFacadePortFree(settings);
  if (settings.mapper.url === null) await assertMapperPortFree(settings);
  const codecToken = settings.security.codec_token ?? randomBytes(24).toString('base64url');

  say('starting PostgreSQL, Temporal, the builtin detectors and the mapper');
  const [databaseUrl, temporal, builtinUrl] = await allStarted([
    databaseFor(context),
    temporalFor(context, codecToken),
    builtinDetectors(context),
  ]);
  const { mapper } = settings;
  if (mapper.url === null) await launchMapper(context);

  say('starting the facade and its worker');
  const mapperUrl = mapper.url ?? `http://${mapper.host}:${mapper.port}`;
  const api = await launchConclave(
    context,
    {
      databaseUrl,
      temporalAddress: temporal.address,
      builtinUrl,
      mapperUrl,
      temporalWebOrigins: temporalWebOrigins(settings),
    },
    { facade: true, maintenance: true, pools: true },
    codecToken,
  );
  announce({ api: String(api), temporalWeb: temporal.uiUrl, mapper: mapperUrl, detectors: builtinUrl });
}

/** Like Promise.all, but a failure waits for the others, so that what they started is known and can be stopped. */
async function allStarted<T extends readonly Promise<unknown>[]>(
  starts: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(starts);
  return Promise.all(starts);
}

async function databaseFor({ settings, parts, say }: LaunchContext): Promise<string> {
  const { database, service } = settings;
  if (database.url !== null) {
    await assertDatabaseAnswers(database.url);
    return database.url;
  }
  const server = await startPostgres({ dataDir: service.data_dir, port: database.embedded_port, log: say });
  parts.addServer('PostgreSQL', logFile(settings, 'postgres'), server);
  return server.url;
}

async function temporalFor(
  { settings, parts, say }: LaunchContext,
  codecToken: string,
): Promise<{ address: string; uiUrl: string | null }> {
  const { workflow, service } = settings;
  if (workflow.address !== null) {
    await assertTemporalPrepared(settings, workflow.address);
    return { address: workflow.address, uiUrl: null };
  }
  const server = await startTemporal({
    binary: await resolveTool('temporal', say),
    dataDir: service.data_dir,
    port: workflow.embedded_port,
    uiPort: workflow.embedded_ui_port,
    namespaces: allNamespaces(workflow),
    codecEndpoint: `http://127.0.0.1:${service.port}/api/v1/codec/${codecToken}`,
    log: say,
  });
  parts.addServer('Temporal', logFile(settings, 'temporal'), server);
  return server;
}

/** The builtin detectors judge in a process of their own, so that their CPU time is not the API's. */
async function builtinDetectors({ settings, parts, say }: LaunchContext): Promise<string> {
  const { builtin_host: host, builtin_port: port, builtin_url: elsewhere } = settings.registry;
  if (elsewhere !== null) return elsewhere;
  const url = `http://${host}:${port}`;
  const pidFile = path.join(path.resolve(settings.service.data_dir), 'detectors.pid');
  if (await stopLeftover('The service of the builtin detectors', pidFile, 'SIGTERM')) {
    say('stopped the builtin detectors that an earlier start left running');
  }
  await assertDetectorsPortFree(settings);
  const child = startChild({
    name: 'The service of the builtin detectors',
    command: process.execPath,
    args: [path.join(__dirname, 'main.js'), 'start', 'detectors'],
    logFile: logFile(settings, 'detectors'),
    pidFile,
    stopSignal: 'SIGTERM',
  });
  await untilReady(
    child,
    () => answers(`${url}/health`),
    detectorsStartMs,
    (how) =>
      new SetupError(
        `The builtin detectors did not start (${how}).`,
        `see ${logFile(settings, 'detectors')}`,
      ),
  );
  parts.addServer('the builtin detectors', logFile(settings, 'detectors'), child);
  return url;
}

function logFile({ service }: Settings, name: string): string {
  return path.join(path.resolve(service.data_dir), 'logs', `${name}.log`);
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

function announce(urls: {
  api: string;
  temporalWeb: string | null;
  mapper: string;
  detectors: string;
}): void {
  const row = (name: string, url: string): string => `  ${name.padEnd(14)} ${colors.cyan(url)}\n`;
  const body = {
    content: 'Mail jane.doe@example.com, card 4111 1111 1111 1111',
    content_type: 'text',
    tenant_id: 'demo',
    policy_bundle: 'default',
    environment: 'dev',
  };
  process.stdout.write(
    `\n${colors.bold('Conclave is ready.')}\n` +
      row('API', `${urls.api}/api/v1`) +
      row('API docs', `${urls.api}/api/v1/docs`) +
      (urls.temporalWeb === null ? '' : row('Temporal Web', urls.temporalWeb)) +
      row('Mapper', `${urls.mapper}/api/v1`) +
      row('Detectors', urls.detectors) +
      `\nTry it:\n  curl -s ${urls.api}/api/v1/orchestrate -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'\n` +
      '\nCtrl-C stops everything.\n\n',
  );
}
