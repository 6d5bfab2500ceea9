import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const { Client } = createRequire(import.meta.url)('pg');
const debianFolder = '/usr/lib/postgresql';
const role = 'conclave';

/** Folder of the newest PostgreSQL that a package of Debian has installed; null: there is none. */
export function installedPostgres() {
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder) : [];
  const homes = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => path.join(debianFolder, version, 'bin'));
  return homes.find((bin) => existsSync(path.join(bin, 'initdb'))) ?? null;
}

/** As {@link startPostgres} of src/embedded, with binaries that are installed here and their own defaults. */
export async function startInstalledPostgres({ bin, dataDir, port, embedded }) {
  const { startChild, untilReady, serverAccount } = embedded;
  const account = serverAccount();
  const clusterDir = path.join(dataDir, 'installed-postgres');
  const password = randomBytes(24).toString('base64url');
  const secret = path.join(dataDir, 'installed-postgres.password');
  mkdirSync(clusterDir, { mode: 0o700 });
  writeFileSync(secret, `${password}\n`, { mode: 0o600 });
  if (account !== null) for (const owned of [clusterDir, secret]) chownSync(owned, account.uid, account.gid);
  const access = ['--username=postgres', `--pwfile=${secret}`, '--auth=scram-sha-256'];
  const flags = ['--encoding=UTF8', '--locale=C.UTF-8', ...access];
  await run(path.join(bin, 'initdb'), [`--pgdata=${clusterDir}`, ...flags], { cwd: '/', ...account });
  rmSync(secret);

  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
  };
  const child = startChild({
    name: 'PostgreSQL',
    command: path.join(bin, 'postgres'),
    args: [
      '-D',
      clusterDir,
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    cwd: '/',
    ...(account === null ? {} : { account }),
    logFile: path.join(dataDir, 'logs', 'installed-postgres.log'),
    pidFile: path.join(dataDir, 'installed-postgres.pid'),
    stopSignal: 'SIGINT',
  });
  const connect = async () => {
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const answers = () =>
    connect().then(
      (client) => client.end().then(() => true),
      () => false,
    );
  await untilReady(child, answers, 60_000, (how) => new Error(`PostgreSQL of ${bin} did not start: ${how}`));
  const client = await connect();
  try {
    await client.query(`create role ${role} login createdb password ${client.escapeLiteral(password)}`);
    // As its administrator does, once: docs/operations.md.
    await client.query('create role conclave_service; create role conclave_tenant');
    await client.query(`grant conclave_service, conclave_tenant to ${role}`);
    await client.query(`create database ${role} owner ${role}`);
  } finally {
    await client.end();
  }
  return {
    url: `postgres://${role}:${password}@127.0.0.1:${port}/${role}`,
    clusterDir,
    stop: () => child.stop(),
  };
}
