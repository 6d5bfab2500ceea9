import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const pidFileSchema = z.object({ child: z.object({ pid: z.int().positive() }) });

interface Server {
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

/** Temporal or PostgreSQL as src/embedded starts them: killed without warning and started again on the same files. */
export class ServerPart<S extends Server> {
  #server: S | null = null;

  /** @param pidFile which the starter writes, in the data folder */
  constructor(
    private readonly launch: () => Promise<S>,
    private readonly pidFile: string,
  ) {}

  async start(): Promise<S> {
    this.#server = await this.launch();
    return this.#server;
  }

  /** kill -9 */
  async kill(): Promise<void> {
    const { child } = pidFileSchema.parse(JSON.parse(readFileSync(path.resolve(this.pidFile), 'utf8')));
    process.kill(child.pid, 'SIGKILL');
    await this.#server!.exited;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }
}
