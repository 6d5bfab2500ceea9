import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../../src/embedded/ports';
import { eventually } from '../../support/eventually';

const root = path.resolve(__dirname, '..', '..', '..');
const settings = {
  mapper: { port: 'ORCHESTRATION_MAPPER__PORT', health: '/health' },
  detectors: { port: 'ORCHESTRATION_REGISTRY__BUILTIN_PORT', health: '/health' },
};

export interface OwnService {
  readonly port: number;
  stop(): Promise<void>;
}

/** The mapper or the builtin detectors as a process, with its data and its log in a folder that a test may search. */
export async function startService(kind: keyof typeof settings, dataDir: string): Promise<OwnService> {
  const port = await freePort();
  const log = openSync(path.join(dataDir, `${kind}.log`), 'a');
  const child = spawn(process.execPath, [path.join(root, 'dist', 'cli', 'main.js'), 'start', kind], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      ORCHESTRATION_DATA_DIR: dataDir,
      ORCHESTRATION_LOG_LEVEL: 'trace',
      [settings[kind].port]: String(port),
    },
    stdio: ['ignore', log, log],
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const health = `http://127.0.0.1:${port}${settings[kind].health}`;
  const healthy = async (): Promise<boolean> => {
    const answer = await fetch(health).catch(() => null);
    return child.exitCode !== null || answer?.ok === true;
  };
  await eventually(healthy, Boolean, { withinMs: 60_000 });
  if (child.exitCode !== null) throw new Error(`${kind} did not start`);
  return {
    port,
    async stop() {
      if (child.exitCode === null) child.kill('SIGTERM');
      await gone;
    },
  };
}
