import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import type { DecisionName } from './bundle';
import type { EvaluationTask } from './evaluation-worker';
import { loadRegoModule } from './rego-module';

/** The evaluation took its time and was ended. */
export class SlowPolicyError extends Error {
  override readonly name = 'SlowPolicyError';
}

/** There was no thread for it. */
export class NoThreadError extends Error {
  override readonly name = 'NoThreadError';
}

/** Evaluates off the event loop what takes longer than the loop may be held up. */
export interface EvaluationPool {
  /** @throws SlowPolicyError, NoThreadError, or what the policy traps with */
  evaluate(
    tenantId: string,
    module: WebAssembly.Module,
    decision: DecisionName,
    input: Uint8Array,
  ): Promise<unknown>;
  /** Ends the threads; evaluations in flight are rejected. */
  close(): Promise<void>;
}

export interface EvaluationPoolOptions {
  /** Milliseconds that an evaluation may take, its wait for a thread included. */
  readonly timeoutMs: number;
  /**
   * Milliseconds that it may wait for a thread besides: for its turn, and for a thread to start. Default 1000 until the
   * first thread has evaluated something, and then none.
   */
  readonly maxWaitMs?: number;
  /** Is told when a thread fails while it evaluates nothing. */
  readonly threadFailed?: (error: unknown) => void;
  /** The compiled worker. */
  readonly workerFile?: string;
}

const threads = 2;
/** Evaluations of one tenant that may wait for each other. */
const maxWaiting = 50;
const heapMb = 64;
const firstStartMs = 1000;
/** For the way without threads: about a quarter of a second. */
const fuelWithoutThreads = 100_000_000;

/**
 * Compiled, evaluation runs in two threads, and one that is out of time is ended with its thread. A tenant has one thread
 * at a time, so that nobody's slow policies are in the way of others'. Straight from TypeScript there is no compiled worker
 * to start: then it runs in process, as long as its fuel lasts.
 */
export function createEvaluationPool({
  workerFile = join(__dirname, 'evaluation-worker.js'),
  ...options
}: EvaluationPoolOptions): EvaluationPool {
  return existsSync(workerFile) ? new ThreadPool(workerFile, options) : withoutThreads;
}

const withoutThreads: EvaluationPool = {
  async evaluate(_tenantId, module, decision, input) {
    return Promise.resolve(loadRegoModule(module).evaluate(decision, input, fuelWithoutThreads));
  },
  close: () => Promise.resolve(),
};

interface Turns {
  last: Promise<unknown>;
  waiting: number;
}

class ThreadPool implements EvaluationPool {
  #pool: Piscina<EvaluationTask> | null = null;
  /** A thread has started: from now on it is not the start that takes time. */
  #hasEvaluated = false;
  readonly #turns = new Map<string, Turns>();

  constructor(
    private readonly workerFile: string,
    private readonly options: Omit<EvaluationPoolOptions, 'workerFile'>,
  ) {}

  evaluate(
    tenantId: string,
    module: WebAssembly.Module,
    decision: DecisionName,
    input: Uint8Array,
  ): Promise<unknown> {
    const { timeoutMs } = this.options;
    const waitMs = this.options.maxWaitMs ?? (this.#hasEvaluated ? 0 : firstStartMs);
    const endBy = Date.now() + waitMs + timeoutMs;
    const startBy = waitMs > 0 ? endBy - timeoutMs : endBy;
    return this.#inTurn(tenantId, async () => {
      if (Date.now() > startBy) throw new NoThreadError('its turn came too late');
      const begun = new BigInt64Array(new SharedArrayBuffer(8));
      const limit = new Limit(begun, startBy, endBy, timeoutMs);
      try {
        const task = { module, decision, input, begun };
        return (await this.#threads().run(task, { signal: limit.signal })) as unknown;
      } catch (error) {
        throw limit.reason ?? error;
      } finally {
        limit.end();
        this.#hasEvaluated ||= Atomics.load(begun, 0) !== 0n;
      }
    });
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
  }

  async #inTurn<T>(tenantId: string, work: () => Promise<T>): Promise<T> {
    const turns = this.#turns.get(tenantId) ?? { last: Promise.resolve(), waiting: 0 };
    if (turns.waiting >= maxWaiting) throw new NoThreadError('too many evaluations of the tenant wait');
    this.#turns.set(tenantId, turns);
    turns.waiting += 1;
    const mine = turns.last.then(work);
    turns.last = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      turns.waiting -= 1;
      if (turns.waiting === 0) this.#turns.delete(tenantId);
    }
  }

  /** Started when first needed: most policies never need them. */
  #threads(): Piscina<EvaluationTask> {
    this.#pool ??= this.#started();
    return this.#pool;
  }

  #started(): Piscina<EvaluationTask> {
    const pool = new Piscina<EvaluationTask>({
      filename: this.workerFile,
      name: 'evaluate',
      minThreads: threads,
      maxThreads: threads,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
      env: {},
    });
    // An error that nobody listens for would end the process.
    pool.on('error', (error: unknown) => this.options.threadFailed?.(error));
    return pool;
  }
}

/** Ends an evaluation that has had its time, or that got no thread in time. */
class Limit {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;
  reason: SlowPolicyError | NoThreadError | null = null;

  constructor(
    private readonly begun: BigInt64Array,
    private readonly startBy: number,
    private readonly endBy: number,
    private readonly timeoutMs: number,
  ) {
    this.#timer = setTimeout(() => this.#check(), Math.min(timeoutMs, endBy - Date.now()));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #check(): void {
    const begunAt = Number(Atomics.load(this.begun, 0));
    const now = Date.now();
    const left = (begunAt === 0 ? this.startBy : Math.min(begunAt + this.timeoutMs, this.endBy)) - now;
    if (left > 0) {
      this.#timer = setTimeout(() => this.#check(), begunAt === 0 ? Math.min(left, this.timeoutMs) : left);
      return;
    }
    this.reason = this.#reason(begunAt === 0 ? null : now - begunAt);
    this.#controller.abort();
  }

  /** A rule is to blame only where it had time. */
  #reason(ranMs: number | null): SlowPolicyError | NoThreadError {
    if (ranMs === null) return new NoThreadError('no thread was free in time');
    if (ranMs < this.timeoutMs / 2) return new NoThreadError('a thread was free too late');
    return new SlowPolicyError(`took over ${this.timeoutMs} ms`);
  }
}
