import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Piscina } from 'piscina';
import { builtinDetectors } from '../builtin/catalog';
import { runDetection, warmUpDetectors, type DetectionOutcome, type DetectionTask } from './detection';

/** Judges contents off the event loop where it can; see {@link createDetectionRunner}. */
export interface DetectionRunner {
  /** @throws DetectionTimeoutError, DetectionOverloadError */
  run(task: DetectionTask): Promise<DetectionOutcome>;
  /** Resolves once no call has to wait for word lists and models to load. */
  warmUp(): Promise<void>;
  /** Ends the threads; calls in flight are rejected. */
  close(): Promise<void>;
}

export class DetectionTimeoutError extends Error {
  override readonly name = 'DetectionTimeoutError';
}

/** Too many calls wait already; a later one may succeed. */
export class DetectionOverloadError extends Error {
  override readonly name = 'DetectionOverloadError';
}

export interface DetectionRunnerOptions {
  /** Worker threads. Each holds its own copy of all detectors, about 100 MB. */
  readonly threads: number;
  /** Ms from the call to its outcome, waiting for a thread included. */
  readonly timeoutMs: number;
  /** Calls about text that may wait for a thread, and as many about images. */
  readonly maxWaiting: number;
}

/**
 * Compiled, detection runs in worker threads, and a call out of time has its thread killed. Straight from TypeScript
 * (jest, tsx) there is no compiled worker file to start, so the same function runs in process: a deadline is then seen
 * only between two contents.
 */
export function createDetectionRunner(options: DetectionRunnerOptions): DetectionRunner {
  const workerFile = join(__dirname, 'detection-worker.js');
  return existsSync(workerFile) ? createThreadRunner(workerFile, options) : createInProcessRunner(options);
}

function createThreadRunner(filename: string, options: DetectionRunnerOptions): DetectionRunner {
  const texts = poolOf(filename, options.threads);
  // One: the model takes much memory, and one image after the other is what two cores can do.
  const images = poolOf(join(dirname(filename), 'image-worker.js'), 1);
  return runnerOver(texts, images, options);
}

/** Threads that judge. */
export type Judges = Pick<Piscina<DetectionTask, DetectionOutcome>, 'run' | 'destroy'>;

/** Text and images wait in lines of their own, so that many of the one keep none of the other from being judged. */
export function runnerOver(texts: Judges, images: Judges, options: DetectionRunnerOptions): DetectionRunner {
  const { threads, timeoutMs, maxWaiting } = options;
  const inFlight = { text: 0, image: 0 };
  const room = { text: threads + maxWaiting, image: 1 + maxWaiting };
  return {
    async run(task) {
      const detector = builtinDetectors.get(task.detector);
      if (detector?.waits) return runDetection(task);
      const line = detector?.looksAt === 'image' ? 'image' : 'text';
      if (inFlight[line] >= room[line]) throw new DetectionOverloadError();
      inFlight[line] += 1;
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeoutMs);
      try {
        const judges = line === 'image' ? images : texts;
        return await judges.run(task, { signal: deadline.signal });
      } catch (error) {
        if (deadline.signal.aborted) throw new DetectionTimeoutError();
        throw error;
      } finally {
        clearTimeout(timer);
        inFlight[line] -= 1;
      }
    },
    async warmUp() {
      const nothing: DetectionTask = { detector: 'demo-echo', contents: [], params: {} };
      const loaded = Array.from({ length: threads }, () => texts.run(nothing));
      await Promise.all([...loaded, images.run({ ...nothing, detector: 'image-safety' })]);
    },
    async close() {
      await Promise.all([texts.destroy(), images.destroy()]);
    },
  };
}

function poolOf(filename: string, threads: number): Piscina<DetectionTask, DetectionOutcome> {
  return new Piscina<DetectionTask, DetectionOutcome>({
    filename,
    name: 'judge',
    minThreads: threads,
    maxThreads: threads,
    // Secrets of the environment are the service's, not a detector's.
    env: {},
  });
}

function createInProcessRunner({ timeoutMs }: DetectionRunnerOptions): DetectionRunner {
  return {
    run(task) {
      const deadline = performance.now() + timeoutMs;
      return runDetection(task, async () => {
        await setImmediate();
        if (performance.now() > deadline) throw new DetectionTimeoutError();
      });
    },
    warmUp: warmUpDetectors,
    close: () => Promise.resolve(),
  };
}
