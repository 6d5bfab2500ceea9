import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../contract/config';
import { onParentGone } from '../embedded/parent';
import { moveDataAside } from '../embedded/reset';
import { SetupError } from '../embedded/setup-error';
import { createLogger } from '../telemetry/logger';
import { keepSecretsIn } from './keep-secrets-in';
import type { LaunchContext } from './launch-context';
import { refuseUnsafeSettings, refuseUnsafeStart } from './refuse-unsafe-start';
import { RunningParts } from './running-parts';

/** A part loads what it needs, and not what the others do. */
const launches = {
  all: async (context) => (await import('./launch-all.js')).launchAll(context),
  api: async (context) => (await import('./launch-conclave.js')).launchFacade(context),
  worker: async (context) => (await import('./launch-conclave.js')).launchWorker(context),
  mapper: async (context) => (await import('./launch-mapper.js')).launchMapper(context),
  detectors: async (context) => (await import('./launch-detectors.js')).launchDetectors(context),
} satisfies Record<string, (context: LaunchContext) => Promise<void>>;

export type Part = keyof typeof launches;

/** A launch that is interrupted may still come to a state that can be stopped in order. */
const launchGraceMs = 15_000;
const impatientAfterMs = 1000;

const say = (line: string): void => void process.stderr.write(`conclave: ${line}\n`);

/**
 * Runs a part of Conclave, or all of it on this machine, until a signal.
 * @returns the exit code: 0 after a signal, 1 when it could not start or a part ended by itself
 */
export async function start(part: Part, settings: Settings, options: { reset: boolean }): Promise<number> {
  const log = createLogger(part === 'all' ? 'conclave' : part, settings.monitoring.log_level);
  keepSecretsIn(log);
  const running = new RunningParts();
  const signal = untilSignal();
  let launched: Promise<void> = Promise.resolve();
  try {
    refuseUnsafeStart(settings);
    refuseUnsafeSettings(settings);
    await prepareDataDir(part, settings.service.data_dir, options.reset);
    launched = launches[part]({ settings, log, say, parts: running });
    await Promise.race([signal, running.broken, launched.then(() => signal)]);
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : 'the start failed');
    return 1;
  } finally {
    await Promise.race([launched.catch(() => undefined), delay(launchGraceMs)]);
    await running.stop((name, error) => {
      if (error !== undefined) log.warn({ error, part: name }, 'stopping a part failed');
      else if (part === 'all') say(`stopping ${name}`);
    });
  }
}

async function prepareDataDir(part: Part, dataDir: string, reset: boolean): Promise<void> {
  if (reset && part !== 'all') {
    throw new SetupError('--reset is for the data of a start of everything.', 'npm start -- --reset');
  }
  if (reset) await moveDataAside(dataDir, new Date(), say);
  try {
    mkdirSync(path.join(dataDir, 'logs'), { recursive: true });
  } catch (error) {
    throw new SetupError(
      `The data folder ${path.resolve(dataDir)} cannot be used (${(error as NodeJS.ErrnoException).code}).`,
      'choose another folder with ORCHESTRATION_DATA_DIR=<folder>',
    );
  }
}

/** npm and the terminal may both pass on one Ctrl-C; only a signal that comes later means that the user will not wait. */
function untilSignal(): Promise<void> {
  let firstAt: number | null = null;
  return new Promise((resolve) => {
    const onSignal = (): void => {
      if (firstAt !== null && Date.now() - firstAt > impatientAfterMs) process.exit(130);
      firstAt ??= Date.now();
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
    onParentGone(onSignal);
  });
}
