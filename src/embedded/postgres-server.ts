import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { serviceRole, tenantRole } from '../contract/database-roles';
import { type Child, startChild, stopLeftover, untilReady } from './child';
import { assertPortFree } from './ports';
import { choosePlace, type ClusterPlace, dropStalePid, initialise } from './postgres-cluster';
import { remedyReset, storedPassword, superuser } from './postgres-cluster';
import { type Progress, SetupError } from './setup-error';

export interface PostgresOptions {
  /** Conclave's data folder; the cluster lives in `postgres/` below it. */
  readonly dataDir: string;
  readonly port: number;
  /** Default `ORCHESTRATION_DATABASE__EMBEDDED_PORT`. */
  readonly portSetting?: string;
  readonly log: Progress;
}

export interface PostgresServer {
  /** Connects as `conclave`, the owner of database `conclave`; not a superuser, so row-level security holds for it. */
  readonly url: string;
  /** Where the cluster's files are. */
  readonly clusterDir: string;
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

const role = 'conclave';
const startTimeoutMs = 60_000;
/** The old server's processes still hold its shared memory, or it is dead and nobody has collected it yet. */
const stillHeld = /shared memory block|lock file "postmaster.pid" already exists/;

/** Content travels in statements and parameters, so the server's log carries neither. */
const serverSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  jit: 'off',
  cluster_name: 'conclave',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
};

/** A PostgreSQL of our own as a child process, on loopback, with a password that was made up for it. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const dataDir = path.resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const place = choosePlace(dataDir, options.log);
  const pidFile = path.join(dataDir, 'postgres.pid');
  if (await stopLeftover('PostgreSQL', pidFile, 'SIGINT')) {
    options.log('stopped a PostgreSQL that an earlier start left running');
  }
  await assertPortFree({
    port: options.port,
    purpose: 'The embedded PostgreSQL',
    setting: options.portSetting ?? 'ORCHESTRATION_DATABASE__EMBEDDED_PORT',
  });
  const password = existsSync(place.clusterDir) ? storedPassword(place) : await initialise(place);
  dropStalePid(place.clusterDir);

  const connect = (user: string, database: string): Client =>
    new Client({
      host: '127.0.0.1',
      port: options.port,
      user,
      password,
      database,
      connectionTimeoutMillis: 5000,
    });
  const child = await serve(
    () => startServer(dataDir, place, pidFile, options.port),
    place,
    () => answers(connect(superuser, 'postgres'), place),
  );
  await ensureDatabase(connect(superuser, 'postgres'), password).catch(async (error: unknown) => {
    await child.stop();
    throw error;
  });
  return {
    url: `postgres://${role}:${password}@127.0.0.1:${options.port}/${role}`,
    clusterDir: place.clusterDir,
    exited: child.exited,
    stop: () => child.stop(),
  };
}

/** Of the database that `npm start` has, running or not. @throws SetupError when there is none */
export function embeddedDatabaseUrl(dataDir: string, port: number): string {
  const place = choosePlace(path.resolve(dataDir), () => undefined);
  return `postgres://${role}:${storedPassword(place)}@127.0.0.1:${port}/${role}`;
}

/** After a kill -9 the old server may need a moment to be gone altogether: tries again for 10 s. */
async function serve(start: () => Child, place: ClusterPlace, ready: () => Promise<boolean>): Promise<Child> {
  const giveUpAt = Date.now() + 10_000;
  for (;;) {
    const child = start();
    const explain = (how: string): SetupError => explainFailure(how, child.recentLog(), place);
    try {
      await untilReady(child, ready, startTimeoutMs, explain);
      return child;
    } catch (error) {
      if (Date.now() > giveUpAt || !stillHeld.test(child.recentLog())) throw error;
    }
  }
}

function startServer(dataDir: string, place: ClusterPlace, pidFile: string, port: number): Child {
  const settings = Object.entries({ ...serverSettings, port: String(port) });
  return startChild({
    name: 'PostgreSQL',
    command: path.join(place.home, 'bin', 'postgres'),
    args: ['-D', place.clusterDir, ...settings.flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    cwd: '/',
    ...(place.account === null ? {} : { account: place.account }),
    logFile: path.join(dataDir, 'logs', 'postgres.log'),
    pidFile,
    stopSignal: 'SIGINT',
  });
}

async function answers(client: Client, place: ClusterPlace): Promise<boolean> {
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== '28P01') return false;
    throw new SetupError(
      `The database in ${place.clusterDir} refuses the stored password.`,
      `put the right postgres.password back, or ${remedyReset}`,
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function ensureDatabase(client: Client, password: string): Promise<void> {
  await client.connect();
  try {
    const roles = await client.query('select 1 from pg_roles where rolname = $1', [role]);
    if (roles.rowCount === 0) {
      await client.query(`create role ${role} login createdb password ${client.escapeLiteral(password)}`);
    }
    // It can neither make roles nor act as any but these.
    for (const name of [serviceRole, tenantRole]) {
      const made = await client.query('select 1 from pg_roles where rolname = $1', [name]);
      if (made.rowCount === 0) await client.query(`create role ${name}`);
    }
    await client.query(`grant ${serviceRole}, ${tenantRole} to ${role}`);
    const databases = await client.query('select 1 from pg_database where datname = $1', [role]);
    if (databases.rowCount === 0) await client.query(`create database ${role} owner ${role}`);
  } finally {
    await client.end();
  }
}

function explainFailure(how: string, log: string, place: ClusterPlace): SetupError {
  const fatal = log.split('\n').findLast((line) => /FATAL|PANIC/.test(line));
  const reason = fatal?.replace(/^.*?(FATAL|PANIC):\s*/, '') ?? how;
  return new SetupError(
    `PostgreSQL did not start on ${place.clusterDir}: ${reason}`,
    `see logs/postgres.log in the data folder; if its files are damaged, ${remedyReset}`,
  );
}
