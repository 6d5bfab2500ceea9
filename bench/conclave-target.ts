import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { startChild, untilReady } from '../src/embedded/child';
import { freePort } from '../src/embedded/ports';
import { SetupError } from '../src/embedded/setup-error';
import type { Stage } from './stage';
import { type Target, targetAt } from './target';

const root = resolve(__dirname, '..');
const program = join(root, 'dist', 'cli', 'main.js');
const fixtures = join(__dirname, 'fixtures');
/** As scripts/start.mjs has it. */
const heap = ['--max-semi-space-size=64', '--heap-growing-percent=80'];
const untraced = ['--require', join(root, 'dist', 'cli', 'untraced-workflows.js')];
const graceMs = 4_000;
const logLinesShown = 25;

export interface ConclaveOptions {
  /** Of its data and its task queue; several may share one Temporal server. */
  name: string;
  /** `ORCHESTRATION_*` variables that make it a variant. */
  settings: Readonly<Record<string, string>>;
  /** Origin of the mock detectors. */
  detectors: string;
  /** Null: it runs a PostgreSQL of its own. */
  databaseUrl: string | null;
  /** host:port of the Temporal server that all rows share. */
  temporal: string;
  readyLimitMs: number;
}

export interface Conclave extends Target {
  origin: string;
  /** Null when it was started by someone else. */
  pid: number | null;
}

/**
 * Starts Conclave as `npm start` does, a process tree of its own with its own data, ports, registry and policies, and
 * waits until it is ready. Settings in the environment of the bench apply, so that variants can be measured.
 */
export async function startConclave(stage: Stage, options: ConclaveOptions): Promise<Conclave> {
  if (!existsSync(program)) throw new SetupError('Conclave is not built.', 'npm run build');
  const port = await freePort();
  const directory = join(stage.directory, options.name);
  mkdirSync(directory, { mode: 0o711 });
  const conclave = startChild({
    name: 'Conclave',
    command: process.execPath,
    args: [...heap, ...untraced, program, 'start'],
    cwd: root,
    env: { ...process.env, ...(await settings(directory, port, options)) },
    logFile: join(directory, 'conclave.log'),
    pidFile: join(directory, 'conclave.pid'),
    stopSignal: 'SIGTERM',
  });
  stage.onStrike(() => conclave.stop(graceMs));
  const origin = `http://127.0.0.1:${port}`;
  await untilReady(
    conclave,
    () => isReady(origin),
    options.readyLimitMs,
    (how) => {
      const lastWords = conclave.recentLog().trimEnd().split('\n').slice(-logLinesShown).join('\n');
      return new SetupError(
        `Conclave did not start (${how}). The end of its log:\n${lastWords}`,
        'see that log',
      );
    },
  );
  return { ...targetAt(options.name, origin), origin, pid: conclave.pid };
}

/** A running Conclave that has the bench's registry and policies. */
export function conclaveAt(origin: string): Conclave {
  return { ...targetAt('conclave', origin), origin, pid: null };
}

async function settings(
  directory: string,
  port: number,
  options: ConclaveOptions,
): Promise<Record<string, string>> {
  const [mapperPort, builtinPort, databasePort] = await Promise.all([freePort(), freePort(), freePort()]);
  const policies = join(directory, 'policies');
  cpSync(join(fixtures, 'policies'), policies, { recursive: true });
  return {
    ORCHESTRATION_ENV: 'development',
    ORCHESTRATION_PORT: String(port),
    ORCHESTRATION_MAPPER__PORT: String(mapperPort),
    ORCHESTRATION_REGISTRY__BUILTIN_PORT: String(builtinPort),
    ORCHESTRATION_DATABASE__EMBEDDED_PORT: String(databasePort),
    ORCHESTRATION_WORKFLOW__ADDRESS: options.temporal,
    ORCHESTRATION_WORKFLOW__TASK_QUEUE: `orchestrations-${options.name}`,
    ...(options.databaseUrl === null ? {} : { ORCHESTRATION_DATABASE_URL: options.databaseUrl }),
    ORCHESTRATION_DATA_DIR: join(directory, 'data'),
    ORCHESTRATION_DETECTOR_REGISTRY_PATH: writeRegistry(directory, options.detectors),
    ORCHESTRATION_POLICY_STORE_PATH: policies,
    // Nobody is waiting for an answer any more when the bench stops it.
    ORCHESTRATION_SERVICE__DRAIN_SECONDS: '1',
    ...options.settings,
  };
}

/** The registry of the fixtures, with the endpoint where the mock detectors really listen. */
function writeRegistry(directory: string, endpoint: string): string {
  const registrySchema = z.object({ detectors: z.array(z.looseObject({ endpoint: z.string() })) });
  const { detectors } = registrySchema.parse(parse(readFileSync(join(fixtures, 'detectors.yaml'), 'utf8')));
  const file = join(directory, 'detectors.yaml');
  writeFileSync(file, stringify({ detectors: detectors.map((detector) => ({ ...detector, endpoint })) }));
  return file;
}

async function isReady(origin: string): Promise<boolean> {
  try {
    const response = await fetch(`${origin}/api/v1/health/ready`, { signal: AbortSignal.timeout(1_000) });
    return response.ok;
  } catch {
    return false;
  }
}
