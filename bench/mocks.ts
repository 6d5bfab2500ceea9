import { z } from 'zod';
import { startProcess } from './bench-process';
import type { Stage } from './stage';

const statsSchema = z.object({ calls: z.int(), contents: z.int() });

export interface MockDetectors {
  origin: string;
  /** Contents judged since the start, over all detectors: what tells real work from a cached answer. */
  contentsSeen(): Promise<number>;
}

/** @param port 0 for any free one */
export async function startMockDetectors(stage: Stage, port: number): Promise<MockDetectors> {
  const child = await startProcess(stage, 'mock-detectors.ts', ['--port', String(port)]);
  const origin = `http://127.0.0.1:${child.port}`;
  return {
    origin,
    contentsSeen: async () => statsSchema.parse(await (await fetch(`${origin}/stats`)).json()).contents,
  };
}
