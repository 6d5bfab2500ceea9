import path from 'node:path';
import { type Child, startChild, untilReady } from '../../src/embedded/child';
import { SetupError } from '../../src/embedded/setup-error';

const root = path.resolve(__dirname, '..', '..');
export const program = path.join(root, 'dist', 'cli', 'main.js');
const readyLimitMs = 60_000;
const graceMs = 5000;

export interface ProductPartOptions {
  readonly name: 'api' | 'worker' | 'detectors';
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether it serves. */
  readonly ready: (log: string) => Promise<boolean> | boolean;
}

/** A process of Conclave that is killed and started again, always the same. */
export class ProductPart {
  #child: Child | null = null;
  #wanted = false;
  #endings: string[] = [];

  constructor(private readonly options: ProductPartOptions) {}

  async start(): Promise<void> {
    const { name, folder, env, ready } = this.options;
    const child = startChild({
      name,
      command: process.execPath,
      args: [program, 'start', name],
      cwd: root,
      env: { ...withoutConclave(process.env), ...env },
      logFile: path.join(folder, `${name}.log`),
      pidFile: path.join(folder, `${name}.pid`),
      stopSignal: 'SIGTERM',
    });
    this.#child = child;
    this.#wanted = true;
    void child.exited.then((how) => {
      if (this.#wanted && this.#child === child) this.#endings.push(`${name} ended by itself (${how})`);
    });
    await untilReady(
      child,
      async () => ready(child.recentLog()),
      readyLimitMs,
      (how) => new SetupError(`${name} did not start (${how}):\n${child.recentLog()}`, 'see that log'),
    );
  }

  /** kill -9 */
  async kill(): Promise<void> {
    this.#wanted = false;
    process.kill(this.#child!.pid, 'SIGKILL');
    await this.#child!.exited;
  }

  /** SIGSTOP: nothing runs any more, and no connection breaks. */
  freeze(): void {
    process.kill(this.#child!.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#child!.pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    await this.#child?.stop(graceMs);
  }

  /**
   * Starts it again if it ended without being told to, as a supervisor does.
   * @returns how it ended, in words
   */
  async revive(): Promise<string[]> {
    const endings = this.#endings.splice(0);
    if (endings.length > 0) await this.start();
    return endings;
  }
}

function withoutConclave(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('ORCHESTRATION_')),
  );
}
