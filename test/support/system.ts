import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client as TemporalClient, Connection } from '@temporalio/client';
import { Client as PgClient } from 'pg';
import { pino } from 'pino';
import { parse, stringify } from 'yaml';
import type { z } from 'zod';
import type { OrchestrationResponse } from '../../src/contract/answer';
import type { tenantPolicySchema } from '../../src/contract/policy';
import type { detectorRegistrationSchema } from '../../src/contract/registration';
import { createDetectorService, type DetectorService } from '../../src/detectors/service/detector-service';
import { freePort } from '../../src/embedded/ports';
import { createMapperService, type MapperService } from '../../src/mapper/service';
import { eventually } from './eventually';
import { FakeDetectors } from './fake-detectors';

const root = path.resolve(__dirname, '..', '..');

type Registration = Partial<z.input<typeof detectorRegistrationSchema>> & { name: string };
type Policy = Partial<z.input<typeof tenantPolicySchema>>;

export interface BundleFixture {
  readonly policy: Policy;
  /** Rego modules by file name; their tests are not run here. */
  readonly rego?: Readonly<Record<string, string>>;
}

export interface SystemOptions {
  /** Names, or registrations whose endpoint defaults to the fake detectors. Default: a, b, c. */
  readonly detectors?: readonly (string | Registration)[];
  /** By `tenant/bundle`. Default: demo/default, a required set of all detectors, threshold 0.8. */
  readonly policies?: Readonly<Record<string, BundleFixture>>;
  /**
   * Adds what the product comes with: the detectors of config/detectors.yaml, judging for real, and the bundles of
   * policies/. `detectors` and `policies` then default to nothing of their own.
   */
  readonly builtins?: boolean;
  /** `real`: the mapper service; `off`: auto mapping off; else the address of one. Default off. */
  readonly mapper?: string;
  /** Environment of every part. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: one facade and one worker (which sweeps). */
  readonly parts?: readonly ('api' | 'worker')[];
}

export interface HttpAnswer<T = OrchestrationResponse> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
  readonly text: string;
}

/** The settings of test servers that scripts/test.mjs started. */
export function testServers() {
  const temporalAddress = process.env['CONCLAVE_TEST_TEMPORAL_ADDRESS'];
  const databaseUrl = process.env['CONCLAVE_TEST_DATABASE_URL'];
  if (temporalAddress === undefined || databaseUrl === undefined) {
    throw new Error('integration tests need servers: run them with npm test integration');
  }
  return { temporalAddress, databaseUrl };
}

/** A process of Conclave that a test started. */
export class Part {
  constructor(
    readonly kind: 'api' | 'worker',
    readonly process: ChildProcess,
    readonly logFile: string,
    /** Of a facade. */
    readonly url: string,
  ) {}

  get log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** Resolves when the process holds at a pause point (CONCLAVE_PAUSE_AT), so often. */
  async paused(at: string, times = 1): Promise<void> {
    await eventually(
      () => this.log.split(`paused at ${at}\n`).length - 1,
      (seen) => seen >= times,
    );
  }

  /** kill -9 */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const gone = new Promise<void>((resolve) => this.process.once('exit', () => resolve()));
    this.process.kill(signal);
    await gone;
    return this.process.exitCode;
  }
}

/** A Conclave of separate processes on the test servers, with a database, task queue and data folder of its own. */
export class System {
  readonly parts: Part[] = [];
  url = '';
  #mapper: MapperService | null = null;
  #builtins: DetectorService | null = null;

  private constructor(
    readonly detectors: FakeDetectors,
    readonly db: PgClient,
    readonly temporal: TemporalClient,
    readonly dataDir: string,
    readonly taskQueue: string,
    readonly database: string,
    private readonly env: Record<string, string>,
  ) {}

  static async start(options: SystemOptions = {}): Promise<System> {
    const servers = testServers();
    const detectors = new FakeDetectors();
    await detectors.listen();
    const dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-system-'));
    chmodSync(dataDir, 0o755);
    const database = `test_${randomUUID().replaceAll('-', '')}`;
    const databaseUrl = await createDatabase(servers.databaseUrl, database);
    const taskQueue = `test-${randomUUID()}`;
    const db = new PgClient({ connectionString: databaseUrl });
    await db.connect();
    const connection = await Connection.connect({ address: servers.temporalAddress });
    const env: Record<string, string> = {
      ORCHESTRATION_ENV: 'development',
      ORCHESTRATION_DATABASE_URL: databaseUrl,
      ORCHESTRATION_WORKFLOW__ADDRESS: servers.temporalAddress,
      ORCHESTRATION_WORKFLOW__TASK_QUEUE: taskQueue,
      ORCHESTRATION_DATA_DIR: dataDir,
      ORCHESTRATION_DETECTOR_REGISTRY_PATH: path.join(dataDir, 'detectors.yaml'),
      ORCHESTRATION_POLICY_STORE_PATH: path.join(dataDir, 'policies'),
      ORCHESTRATION_CONFIG_PATH: path.join(dataDir, 'settings.yaml'),
    };
    const system = new System(
      detectors,
      db,
      new TemporalClient({ connection }),
      dataDir,
      taskQueue,
      database,
      env,
    );
    writeFileSync(path.join(dataDir, 'settings.yaml'), '{}\n');
    const builtins = options.builtins ?? false;
    const registered = options.detectors ?? (builtins ? [] : ['a', 'b', 'c']);
    writeRegistry(dataDir, detectors.url, registered, builtins ? shippedDetectors() : []);
    if (builtins) cpSync(path.join(root, 'policies'), path.join(dataDir, 'policies'), { recursive: true });
    const policies = options.policies ?? (builtins ? {} : { 'demo/default': { policy: {} } });
    writePolicies(dataDir, policies, registered);
    if (builtins) await system.#startBuiltins();
    await system.#configureMapper(options.mapper ?? 'off');
    Object.assign(env, options.env);
    try {
      await Promise.all((options.parts ?? ['api', 'worker']).map((kind) => system.startPart(kind)));
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  /** Starts another process; a facade becomes the one that `post` and `get` talk to. */
  async startPart(kind: 'api' | 'worker', env: Readonly<Record<string, string>> = {}): Promise<Part> {
    const port = kind === 'api' ? await freePort() : 0;
    const logFile = path.join(this.dataDir, `${kind}-${this.parts.length}-${randomUUID().slice(0, 8)}.log`);
    writeFileSync(logFile, '');
    const log = createWriteStream(logFile, { flags: 'a' });
    const child = spawn(process.execPath, [path.join(root, 'dist', 'cli', 'main.js'), 'start', kind], {
      cwd: root,
      env: { ...withoutConclave(process.env), ...this.env, ...env, ORCHESTRATION_PORT: String(port || 8000) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    const part = new Part(kind, child, logFile, kind === 'api' ? `http://127.0.0.1:${port}` : '');
    this.parts.push(part);
    await eventually(
      () => ({ log: part.log, ended: child.exitCode }),
      ({ log: text, ended }) =>
        ended !== null || text.includes(kind === 'api' ? 'the facade is ready' : 'the worker is ready'),
      { withinMs: 60_000 },
    );
    if (child.exitCode !== null) throw new Error(`${kind} did not start: ${part.log}`);
    if (kind === 'api') this.url = part.url;
    return part;
  }

  get facade(): Part {
    return this.parts.findLast(
      ({ kind, process }) => kind === 'api' && process.exitCode === null && process.signalCode === null,
    )!;
  }

  /** A request body that is accepted by demo/default. */
  body(overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return {
      content: `a text of its own ${randomUUID()}`,
      content_type: 'text',
      tenant_id: 'demo',
      policy_bundle: 'default',
      environment: 'dev',
      ...overrides,
    };
  }

  /** POST /orchestrate with {@link body} and overrides. */
  async orchestrate<T = OrchestrationResponse>(
    overrides: Readonly<Record<string, unknown>> = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer<T>> {
    return this.request<T>('POST', '/orchestrate', this.body(overrides), headers);
  }

  async request<T = unknown>(
    method: string,
    route: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer<T>> {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(`${this.url}/api/v1${route}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined
        ? {}
        : { body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (text === '' || isLines(response) ? null : JSON.parse(text)) as T,
    };
  }

  /** Polls a job until it has ended. */
  async ended(jobId: string, withinMs = 40_000) {
    return eventually(
      async () => (await this.request<Record<string, never>>('GET', `/orchestrate/status/${jobId}`)).body,
      (job) => ['completed', 'failed', 'cancelled'].includes(String(job['status'])),
      { withinMs },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.end('SIGTERM')));
    await this.db.end();
    await dropDatabase(testServers().databaseUrl, this.database);
    await this.temporal.connection.close();
    await this.detectors.close();
    await this.#mapper?.close();
    await this.#builtins?.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async #startBuiltins(): Promise<void> {
    this.#builtins = createDetectorService({ logger: pino({ enabled: false }) });
    const { port } = await this.#builtins.listen(0);
    this.env['ORCHESTRATION_REGISTRY__BUILTIN_URL'] = `http://127.0.0.1:${port}`;
  }

  async #configureMapper(mapper: string): Promise<void> {
    if (mapper === 'off') {
      this.env['ORCHESTRATION_MAPPER__AUTO_MAP_RESULTS'] = 'false';
      return;
    }
    if (mapper !== 'real') {
      this.env['ORCHESTRATION_MAPPER__URL'] = mapper;
      return;
    }
    this.#mapper = createMapperService({ taxonomyDir: path.join(root, 'taxonomy'), ratePerMinute: 100_000 });
    const { port } = await this.#mapper.listen(0);
    this.env['ORCHESTRATION_MAPPER__URL'] = `http://127.0.0.1:${port}`;
  }
}

/** The registrations of config/detectors.yaml. */
function shippedDetectors(): Registration[] {
  const file = readFileSync(path.join(root, 'config', 'detectors.yaml'), 'utf8');
  return (parse(file) as { detectors: Registration[] }).detectors;
}

function writeRegistry(
  dataDir: string,
  url: string,
  detectors: readonly (string | Registration)[],
  shipped: readonly Registration[],
): void {
  const registrations = detectors
    .map((detector) => (typeof detector === 'string' ? { name: detector } : detector))
    .map((detector) => ({
      protocol: 'detectors-api',
      // Only the Detectors API names the detector in a header; elsewhere the address does.
      endpoint: (detector.protocol ?? 'detectors-api') === 'detectors-api' ? url : `${url}/${detector.name}`,
      ...detector,
    }));
  writeFileSync(
    path.join(dataDir, 'detectors.yaml'),
    stringify({ detectors: [...shipped, ...registrations] }),
  );
}

function writePolicies(
  dataDir: string,
  policies: Readonly<Record<string, BundleFixture>>,
  detectors: readonly (string | Registration)[],
): void {
  const names = detectors.map((detector) => (typeof detector === 'string' ? detector : detector.name));
  for (const [key, { policy, rego }] of Object.entries(policies)) {
    const [tenant_id, policy_bundle] = key.split('/');
    const dir = path.join(dataDir, 'policies', key);
    mkdirSync(dir, { recursive: true });
    const full: Policy = {
      tenant_id: tenant_id!,
      policy_bundle: policy_bundle!,
      required_detectors: names,
      coverage_calculation: { calculation_method: 'required_set' },
      rate_limit_per_minute: 100_000,
      ...(rego === undefined ? {} : { rego_policy_path: 'rules' }),
      ...policy,
    };
    writeFileSync(path.join(dir, 'policy.yaml'), stringify(full));
    if (rego === undefined) continue;
    mkdirSync(path.join(dir, 'rules'));
    for (const [file, text] of Object.entries(rego)) writeFileSync(path.join(dir, 'rules', file), text);
  }
}

export async function createDatabase(adminUrl: string, name: string): Promise<string> {
  await withAdmin(adminUrl, `create database ${name}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** `with (force)` fails whenever autovacuum is at work there: its process is not the role's to end, but the server's. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  const sessions = `select pid from pg_stat_activity where datname = '${name}' and usename = current_user`;
  await withAdmin(adminUrl, `select pg_terminate_backend(pid) from (${sessions}) as session`);
  await withAdmin(adminUrl, `drop database if exists ${name}`);
}

async function withAdmin(url: string, statement: string): Promise<void> {
  const client = new PgClient({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Of which each is JSON, but not the whole. */
function isLines({ headers }: Response): boolean {
  return headers.get('content-type')?.includes('ndjson') ?? false;
}

function withoutConclave(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('ORCHESTRATION_')),
  );
}
