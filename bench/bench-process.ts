import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';
import type { Stage } from './stage';

const readySchema = z.object({ ready: z.literal(true), port: z.int().nonnegative() });
const startLimitMs = 30_000;
const graceMs = 2_000;

/** A process of the bench itself, written in TypeScript, that reported ready. */
export interface BenchProcess {
  /** Loopback port it listens on; 0 when it listens on none. */
  readonly port: number;
  /** Sends one order and resolves with the next message; one at a time. Rejects when the process ends first. */
  ask(order: object): Promise<unknown>;
}

export function originOf({ port }: BenchProcess): string {
  return `http://127.0.0.1:${port}`;
}

/**
 * Starts `file` (in this folder) as a process of its own and waits until it announced itself. What it prints goes to
 * stderr: stdout belongs to the report.
 */
export async function startProcess(stage: Stage, file: string, args: string[] = []): Promise<BenchProcess> {
  const child = fork(join(__dirname, file), args, {
    execArgv: ['--require', require.resolve('tsx/cjs')],
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  stage.onStrike(() => stopProcess(child));
  const nextMessage = (limitMs?: number) => messageOf(child, file, limitMs);
  const { port } = readySchema.parse(await nextMessage(startLimitMs));
  return {
    port,
    ask: async (order) => {
      const answer = nextMessage();
      child.send(order);
      return answer;
    },
  };
}

async function messageOf(child: ChildProcess, file: string, limitMs?: number): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const ended = async (): Promise<never> => {
    await once(child, 'exit', { signal });
    throw new Error(`bench/${file} ended early`);
  };
  const timer = limitMs && setTimeout(() => waiting.abort(), limitMs);
  try {
    const received: unknown[] = await Promise.race([once(child, 'message', { signal }), ended()]);
    return received[0];
  } catch (error) {
    throw signal.aborted ? new Error(`bench/${file} was not ready within ${limitMs} ms`) : error;
  } finally {
    clearTimeout(timer || undefined);
    waiting.abort();
  }
}

/** SIGTERM, and after a grace SIGKILL; resolves when the process is gone. */
async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
}
