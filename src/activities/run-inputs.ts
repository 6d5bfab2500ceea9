import { LRUCache } from 'lru-cache';
import type { RunInput } from '../contract/plan';

const keptMs = 120_000;
const keptCharacters = 64 * 1024 * 1024;

/** The inputs of the runs that this process serves: known from the launch, else read from the run's history. */
export class RunInputs {
  readonly #known: LRUCache<string, RunInput>;

  constructor(read: (runId: string) => Promise<RunInput | null>) {
    this.#known = new LRUCache({
      maxSize: keptCharacters,
      sizeCalculation: ({ members }) => members.reduce((sum, { content }) => sum + content.length, 1),
      ttl: keptMs,
      fetchMethod: async (runId) => (await read(runId)) ?? undefined,
    });
  }

  put(input: RunInput): void {
    this.#known.set(input.run_id, input);
  }

  /** @throws when the history is gone, or cannot be read now */
  async of({ run_id: runId }: Pick<RunInput, 'run_id'>): Promise<RunInput> {
    const input = await this.#known.fetch(runId);
    if (!input) throw new Error('the input of the run is gone');
    return input;
  }

  forget(runId: string): void {
    this.#known.delete(runId);
  }
}
