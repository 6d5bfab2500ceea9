import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { bootstrap, fail, log, mainFile, root, withTools } from './bootstrap.mjs';
import { seeds } from './lib/fuzz-seeds.mjs';
import { run } from './lib/run.mjs';
import { resolveSchemathesis } from './lib/schemathesis.mjs';

// npm run fuzz [-- --seconds 600]: a Conclave of its own with authentication on, and schemathesis against its OpenAPI
// document, half of the time with a tenant's key and half with a super admin's (docs/fuzzing.md).

const startMs = 120_000;
const folder = path.join(root, 'test', 'fuzz');

async function fuzz() {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } });
  const seconds = Number(values.seconds);
  const tools = await bootstrap();
  const schemathesis = await resolveSchemathesis(root, log);
  const conclave = await startConclave(tools);
  let code = 1;
  try {
    const tenant = await conclave.key('--tenant', 'demo', '--role', 'tenant_admin');
    const platform = await conclave.key('--platform', '--role', 'super_admin');
    const codes = [];
    for (const key of [tenant, platform]) {
      const other = key === tenant ? platform : tenant;
      const config = await conclave.prepare({ mine: key, other, platform });
      codes.push(await attack(schemathesis, { url: conclave.url, key, config, seconds: seconds / 2 }));
    }
    code = codes.find((one) => one !== 0) ?? 0;
  } finally {
    await conclave.stop(code === 0);
  }
  process.exitCode = code;
}

function attack(schemathesis, { url, key, config, seconds }) {
  const args = [
    ...['--config-file', config, 'run', `${url}/api/v1/openapi.json`],
    // Both, or it would make up the other, and two credentials must agree.
    ...['--header', `X-API-Key: ${key}`, '--header', `Authorization: Bearer ${key}`],
    ...['--header', 'X-Tenant-ID: demo'],
    ...['--max-time', String(Math.max(1, Math.round(seconds)))],
  ];
  const env = {
    ...process.env,
    PYTHONPATH: folder,
    SCHEMATHESIS_HOOKS: 'hooks',
    PYTHONDONTWRITEBYTECODE: '1',
  };
  // It keeps what it has tried where it runs.
  return run(schemathesis, args, { env, cwd: path.dirname(config) });
}

async function startConclave(tools) {
  const { freePort } = await import(pathToFileURL(path.join(root, 'dist', 'embedded', 'ports.js')).href);
  const dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-fuzz-'));
  // As root, PostgreSQL runs as another user, who must be able to enter.
  chmodSync(dataDir, 0o755);
  const port = await freePort();
  const builtinPort = await freePort();
  const env = withTools(tools, {
    ...process.env,
    ORCHESTRATION_DATA_DIR: dataDir,
    ORCHESTRATION_PORT: port,
    ORCHESTRATION_MAPPER__PORT: await freePort(),
    ORCHESTRATION_REGISTRY__BUILTIN_PORT: builtinPort,
    ORCHESTRATION_WORKFLOW__EMBEDDED_PORT: await freePort(),
    ORCHESTRATION_WORKFLOW__EMBEDDED_UI_PORT: await freePort(),
    ORCHESTRATION_DATABASE__EMBEDDED_PORT: await freePort(),
    ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false',
    // Or what is put over the API would land in the policies of this folder.
    ORCHESTRATION_POLICY_STORE_TYPE: 'postgres',
    // Without it tokens are only verified, and routes that make them are 501.
    ORCHESTRATION_JWT_SECRET_KEY: randomBytes(32).toString('hex'),
    // Wrong credentials are part of it, all from one address.
    ORCHESTRATION_AUTH__ATTEMPT_LIMIT__MAX: '1000000',
    ORCHESTRATION_ORCHESTRATION__DEFAULT_RATE_LIMIT_PER_MINUTE: '1000000',
    // A busy machine is no fault: what is late, and breakers that open for it, are 503 and 504, as they should be.
    ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
    ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '15000',
    ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000000',
  });
  const logFile = path.join(dataDir, 'fuzz.log');
  const child = spawn(process.execPath, [mainFile, 'start'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.pipe(createWriteStream(logFile, { flags: 'a' }));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async (isSound) => {
    child.kill('SIGTERM');
    await ended;
    if (isSound) rmSync(dataDir, { recursive: true, force: true });
    else log(`what the server said is in ${logFile}`);
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(url, child);
  } catch (error) {
    await stop(false);
    throw error;
  }
  const key = async (...whose) => {
    const args = [mainFile, 'api-key', 'create', ...whose, '--description', 'fuzz', '--format', 'json'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env });
    const { api_key: made } = JSON.parse(stdout);
    await until(async () => (await status(`${url}/api/v1/auth/user`, { 'X-API-Key': made })) === 200);
    return made;
  };
  /** Seeds the store, and writes what schemathesis is told, with the seeds in it. @returns the file */
  const prepare = async (keys) => {
    const callers = Object.entries(keys).map(([name, one]) => [name, caller(url, one)]);
    const detectorUrl = `http://127.0.0.1:${builtinPort}`;
    const dictionaries = await seeds(Object.fromEntries(callers), { detectorUrl, until });
    const file = path.join(dataDir, 'schemathesis.toml');
    const tables = Object.entries(dictionaries).map(
      ([name, values]) => `[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}\n`,
    );
    const told = readFileSync(path.join(folder, 'schemathesis.toml'), 'utf8');
    writeFileSync(file, [told, ...tables].join('\n'));
    return file;
  };
  return { url, key, prepare, stop };
}

/** Of the tenant demo. */
function caller(url, key) {
  return async (method, route, body, headers = {}) => {
    const isJson = body !== undefined && typeof body !== 'string' && !(body instanceof FormData);
    const response = await fetch(`${url}/api/v1${route}`, {
      method,
      headers: {
        'X-API-Key': key,
        'X-Tenant-ID': 'demo',
        ...(isJson ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : body }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  };
}

async function untilReady(url, child) {
  const isReady = async () => {
    if (child.exitCode !== null) throw new Error('Conclave has ended before it was ready');
    return (await status(`${url}/api/v1/health/ready`)) === 200;
  };
  await until(isReady);
}

async function until(isSo) {
  const deadline = Date.now() + startMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not so after ${startMs / 1000} s`);
    await setTimeout(200);
  }
}

function status(url, headers = {}) {
  return fetch(url, { headers }).then(
    (response) => response.status,
    () => null,
  );
}

await fuzz().catch(fail);
