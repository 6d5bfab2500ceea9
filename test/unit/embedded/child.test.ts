import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Child, startChild, stopLeftover, untilReady } from '../../../src/embedded/child';
import { identify, isRunning } from '../../../src/embedded/process-facts';
import { SetupError } from '../../../src/embedded/setup-error';

describe('a child', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'conclave-child-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const pidFile = (): string => path.join(folder, 'child.pid');
  const start = (script: string): Child =>
    startChild({
      name: 'Child',
      command: process.execPath,
      args: ['-e', script],
      logFile: path.join(folder, 'child.log'),
      pidFile: pidFile(),
      stopSignal: 'SIGTERM',
    });
  const explain = (how: string): SetupError => new SetupError(how, 'none');

  it('is stopped by its signal and forgotten', async () => {
    const child = start(
      `process.on('SIGTERM', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000)`,
    );
    await untilReady(child, () => Promise.resolve(child.recentLog().includes('up')), 10_000, explain);
    expect(existsSync(pidFile())).toBe(true);
    await child.stop();
    await expect(child.exited).resolves.toBe('exit code 7');
    expect(existsSync(pidFile())).toBe(false);
  });

  it('is killed when it will not stop', async () => {
    const child = start(`process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)`);
    await untilReady(child, () => Promise.resolve(child.recentLog().includes('up')), 10_000, explain);
    await child.stop(100);
    await expect(child.exited).resolves.toBe('signal SIGKILL');
  });

  it('that ends before it is ready is reported with how it ended', async () => {
    const child = start('process.exit(3)');
    await expect(untilReady(child, () => Promise.resolve(false), 10_000, explain)).rejects.toThrow(
      'exit code 3',
    );
  });

  it('is not stopped as a leftover while the process that started it runs', async () => {
    const child = start('setInterval(() => {}, 1000)');
    await expect(stopLeftover('Child', pidFile(), 'SIGTERM')).rejects.toThrow(
      `started by process ${process.pid}`,
    );
    await child.stop();
  });

  it('is stopped as a leftover when the process that started it is gone', async () => {
    const child = start('setInterval(() => {}, 1000)');
    const record = JSON.parse(readFileSync(pidFile(), 'utf8')) as { owner: object };
    writeFileSync(
      pidFile(),
      JSON.stringify({ ...record, owner: { ...record.owner, started: 'another time' } }),
    );
    await expect(stopLeftover('Child', pidFile(), 'SIGTERM')).resolves.toBe(true);
    await expect(child.exited).resolves.toBe('signal SIGTERM');
  });

  it('is spared when its number belongs to another process by now', async () => {
    const stranger = identify(process.pid)!;
    writeFileSync(
      pidFile(),
      JSON.stringify({ child: { ...stranger, started: 'another time' }, owner: stranger }),
    );
    await expect(stopLeftover('Child', pidFile(), 'SIGKILL')).resolves.toBe(false);
    expect(existsSync(pidFile())).toBe(false);
  });

  it.each(['', 'garbage', '{}'])('leaves a damaged pid file (%p) without harm', async (text) => {
    writeFileSync(pidFile(), text);
    await expect(stopLeftover('Child', pidFile(), 'SIGTERM')).resolves.toBe(false);
  });

  it('stops when the process that started it is killed', async () => {
    const library = path.resolve(__dirname, '../../../src/embedded/child.ts');
    const parent = spawn(process.execPath, [
      ...['--import', 'tsx', '-e'],
      `const { startChild } = require(${JSON.stringify(library)});
       const child = startChild({ name: 'Child', command: 'sleep', args: ['1000'], logFile: ${JSON.stringify(path.join(folder, 'log'))},
         pidFile: ${JSON.stringify(pidFile())}, stopSignal: 'SIGTERM' });
       console.log(child.pid);`,
    ]);
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = identify(Number(output.toString()))!;
    expect(isRunning(child)).toBe(true);
    parent.kill('SIGKILL');
    while (isRunning(child)) await new Promise((resolve) => setImmediate(resolve));
  });
});
