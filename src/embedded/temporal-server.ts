import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { type Child, startChild, stopLeftover, untilReady } from './child';
import { assertPortFree, freePort } from './ports';
import { type Progress, SetupError } from './setup-error';
import { prepareNamespace } from './temporal-namespace';
import { dynamicConfig, searchAttributes } from './temporal-settings';

export interface TemporalOptions {
  /** Path of the `temporal` program; see resolveTool. */
  readonly binary: string;
  /** Conclave's data folder: pid file, log, and `temporal.db` unless `inMemory`. */
  readonly dataDir: string;
  /** True: nothing on disk, everything gone at the end. */
  readonly inMemory?: boolean;
  readonly port: number;
  /** Port of Temporal Web; null for none. */
  readonly uiPort: number | null;
  /** Default: `default` alone. */
  readonly namespaces?: readonly string[];
  /** Added to, or in place of, the keys of temporal/dynamicconfig/conclave.yaml. */
  readonly dynamicConfig?: Readonly<Record<string, unknown>>;
  /** Where Temporal Web sends payloads to be decoded. */
  readonly codecEndpoint?: string;
  readonly log: Progress;
}

export interface TemporalServer {
  /** host:port of the gRPC frontend. */
  readonly address: string;
  /** Address of Temporal Web; null when it was not asked for. */
  readonly uiUrl: string | null;
  /** Null when in memory. */
  readonly dbFile: string | null;
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;
const damaged = /malformed|not a database|disk I\/O error|no such table|unable to open database/i;

/** Temporal's development server as a child process on loopback, ready for work: namespaces, retention, search attributes. */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const dataDir = path.resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const pidFile = path.join(dataDir, 'temporal.pid');
  if (await stopLeftover('Temporal', pidFile, 'SIGTERM')) {
    options.log('stopped a Temporal server that an earlier start left running');
  }
  await assertPortsFree(options);
  const dbFile = options.inMemory === true ? null : path.join(dataDir, 'temporal.db');
  const child = startChild({
    name: 'Temporal',
    command: options.binary,
    args: await serverArguments(options, dbFile),
    logFile: path.join(dataDir, 'logs', 'temporal.log'),
    pidFile,
    stopSignal: 'SIGTERM',
  });
  const address = `127.0.0.1:${options.port}`;
  await untilReady(
    child,
    () => serves(address, namespacesOf(options)),
    startTimeoutMs,
    (how) => explainFailure(how, child, dbFile),
  );
  return {
    address,
    uiUrl: options.uiPort === null ? null : `http://127.0.0.1:${options.uiPort}`,
    dbFile,
    exited: child.exited,
    stop: () => child.stop(),
  };
}

async function assertPortsFree({ port, uiPort }: TemporalOptions): Promise<void> {
  await assertPortFree({ port, purpose: 'Temporal', setting: 'ORCHESTRATION_WORKFLOW__EMBEDDED_PORT' });
  if (uiPort === null) return;
  const setting = 'ORCHESTRATION_WORKFLOW__EMBEDDED_UI_PORT';
  await assertPortFree({ port: uiPort, purpose: 'Temporal Web', setting });
}

async function serverArguments(options: TemporalOptions, dbFile: string | null): Promise<string[]> {
  const pairs = (flag: string, values: Readonly<Record<string, string>>): string[] =>
    Object.entries(values).flatMap(([key, value]) => [flag, `${key}=${value}`]);
  const tuning = Object.entries({ ...dynamicConfig(), ...options.dynamicConfig });
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'error', '--color', 'never'],
    ...['--port', String(options.port), '--http-port', String(await freePort())],
    ...namespacesOf(options).flatMap((namespace) => ['--namespace', namespace]),
    ...(options.uiPort === null ? ['--headless'] : ['--ui-port', String(options.uiPort)]),
    ...(options.codecEndpoint === undefined ? [] : ['--ui-codec-endpoint', options.codecEndpoint]),
    ...(dbFile === null ? [] : ['--db-filename', dbFile, '--sqlite-pragma', 'journal_mode=wal']),
    ...pairs('--search-attribute', searchAttributes()),
    ...pairs(
      '--dynamic-config-value',
      Object.fromEntries(tuning.map(([key, value]) => [key, JSON.stringify(value)])),
    ),
  ];
}

function namespacesOf({ namespaces = ['default'] }: TemporalOptions): readonly string[] {
  return namespaces;
}

/** Not just listening: the namespaces answer and are as we need them. */
async function serves(address: string, namespaces: readonly string[]): Promise<boolean> {
  let connection: Connection | null = null;
  try {
    connection = await Connection.connect({ address, connectTimeout: '500ms' });
    const ready = connection;
    for (const namespace of namespaces)
      await ready.withDeadline(Date.now() + 5000, () => prepareNamespace(ready, namespace));
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

function explainFailure(how: string, child: Child, dbFile: string | null): SetupError {
  const log = child.recentLog();
  const reason = /(?:^|\n)Error: (.+)/i.exec(log)?.[1] ?? how;
  if (dbFile !== null && damaged.test(log)) {
    return new SetupError(
      `Temporal's database ${dbFile} is damaged: ${reason}`,
      'move the data aside and start afresh with: npm start -- --reset',
    );
  }
  return new SetupError(`Temporal did not start: ${reason}`, 'see logs/temporal.log in the data folder');
}
