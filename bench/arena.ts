import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type BackendName, type Backend, startBackend } from './backend';
import { type BenchProcess, originOf, startProcess } from './bench-process';
import { detectorIds, detectorsOf, type BundleName } from './bundles';
import { type Conclave, type ConclaveOptions, startConclave } from './conclave-target';
import { type LoadOrder, type LoadSample, loadSampleSchema } from './load-order';
import { type MockDetectors, startMockDetectors } from './mocks';
import { type Peer, peerTarget } from './peer';
import { contentsIn } from './requests';
import type { Stage } from './stage';
import { checkAnswers, type Target, targetAt } from './target';

/** What every bench may be told. */
export interface BenchOptions {
  quick: boolean;
  backend: BackendName;
  /** host:port of a running Temporal server. */
  temporal?: string;
  mockPort: number;
  /** Measured in the same run, on the same mock detectors. */
  peers: readonly Peer[];
  log: (line: string) => void;
}

const quietMs = 400;
const settleLimitMs = 5_000;

export type Firing = Omit<LoadOrder, 'url' | 'shape'>;

/** What all who are measured share: mock detectors, load generator, servers. Everything is a process of its own. */
export class Arena {
  private constructor(
    private readonly stage: Stage,
    private readonly options: BenchOptions,
    readonly mocks: MockDetectors,
    private readonly load: BenchProcess,
    readonly backend: Backend,
  ) {}

  static async open(stage: Stage, options: BenchOptions): Promise<Arena> {
    options.log('starting mock detectors, load generator and servers');
    const [mocks, load, backend] = await Promise.all([
      startMockDetectors(stage, options.mockPort),
      startProcess(stage, 'load.ts'),
      startBackend(stage, options),
    ]);
    return new Arena(stage, options, mocks, load, backend);
  }

  /** A plain fan-out. */
  async bare(): Promise<Target> {
    const child = await startProcess(this.stage, 'bare.ts', ['--detectors', this.mocks.origin]);
    return targetAt('bare', originOf(child));
  }

  /** The same service over a textbook workflow. */
  async textbook(): Promise<Target> {
    const servers = ['--detectors', this.mocks.origin, '--temporal', this.backend.temporal];
    return targetAt('textbook', originOf(await startProcess(this.stage, 'textbook.ts', servers)));
  }

  /** @param name of its data, database and task queue */
  async conclave(name: string, settings: ConclaveOptions['settings'] = {}): Promise<Conclave> {
    return startConclave(this.stage, await this.#optionsOf(name, settings));
  }

  /** The Conclave of another checkout, which is built, as that one's benches start it. */
  async conclaveOf(directory: string, name: string): Promise<Conclave> {
    const file = resolve(directory, 'bench', 'conclave-target.ts');
    const theirs = (await import(pathToFileURL(file).href)) as { startConclave: typeof startConclave };
    return theirs.startConclave(this.stage, await this.#optionsOf(name, {}));
  }

  async #optionsOf(name: string, settings: ConclaveOptions['settings']): Promise<ConclaveOptions> {
    return {
      name,
      settings,
      detectors: this.mocks.origin,
      temporal: this.backend.temporal,
      databaseUrl: await this.backend.databaseFor(name),
      readyLimitMs: this.options.quick ? 30_000 : 60_000,
    };
  }

  /** `bare` and the peers: who keeps nothing. */
  async rivals(): Promise<Target[]> {
    return [await this.bare(), ...this.options.peers.map(peerTarget)];
  }

  async check(targets: readonly Target[]): Promise<void> {
    for (const target of targets) await checkAnswers(target);
  }

  async fire({ url, shape }: Target, firing: Firing): Promise<LoadSample> {
    return loadSampleSchema.parse(await this.load.ask({ ...firing, url, shape } satisfies LoadOrder));
  }

  /** Waits until the detectors have been left alone for a while: jobs of whoever was measured before are done. */
  async settle(): Promise<void> {
    const giveUpAt = performance.now() + settleLimitMs;
    let before = -1;
    for (let now = await this.mocks.contentsSeen(); now !== before && performance.now() < giveUpAt;) {
      await delay(quietMs);
      before = now;
      now = await this.mocks.contentsSeen();
    }
  }

  async fireHonestly(target: Target, firing: Firing): Promise<LoadSample> {
    return this.honestly(
      target,
      () => this.fire(target, firing),
      ({ answered }) => {
        return (answered['200'] ?? 0) * contentsIn(target.shape);
      },
    );
  }

  /**
   * Every answer must have cost each detector a look at its content; an answer out of a cache is no answer here.
   * @param verdicts how many contents were answered for
   * @throws Error when the mock detectors saw fewer contents than that
   */
  async honestly<T>(
    { name, shape }: Target,
    measure: () => Promise<T>,
    verdicts: (measured: T) => number,
  ): Promise<T> {
    const before = await this.mocks.contentsSeen();
    const measured = await measure();
    const seen = (await this.mocks.contentsSeen()) - before;
    if (seen < lookingAt(shape.bundle) * verdicts(measured)) {
      throw new Error(`${name} answered for ${verdicts(measured)} contents after ${seen} detector looks`);
    }
    return measured;
  }
}

/** Detectors of a bundle that look at a content even with a hung one among them, whose circuit may be open. */
function lookingAt(bundle: BundleName): number {
  return detectorsOf(bundle).filter((id) => detectorIds.some((known) => known === id)).length;
}
