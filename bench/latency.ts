import { startProcess, type BenchProcess } from './bench-process';
import { startConclave } from './conclave-target';
import { detectorIds } from './detector-client';
import { loadSampleSchema, type LoadOrder, type LoadSample } from './load';
import { startMockDetectors, type MockDetectors } from './mocks';
import { paceOf } from './pace';
import type { Report } from './report';
import type { Stage } from './stage';
import { errorsByKind, summarize, type Row } from './statistics';
import { checkAnswers, targetAt, type Target } from './target';
import { temporalAt } from './temporal';

export const targetNames = ['bare', 'textbook', 'conclave'] as const;
export type TargetName = (typeof targetNames)[number];

export interface LatencyOptions {
  quick: boolean;
  /** Origin of a running Conclave that has the bench's registry and policy. */
  target?: string;
  /** host:port of a running Temporal server. */
  temporal?: string;
  mockPort: number;
  /** Numbers of clients, each measured on its own. */
  clients: readonly number[];
  /** Which rows are measured. */
  targets: readonly TargetName[];
  log: (line: string) => void;
}

/** One line of the table in the making. */
interface Cell {
  target: Target;
  concurrency: number;
  samples: LoadSample[];
}

const warmUp = { concurrency: 16, warmupMs: 0 };

/** The same requests to a plain fan-out, a textbook workflow and Conclave: latency and throughput in one run. */
export async function latency(stage: Stage, options: LatencyOptions): Promise<Report> {
  const { log, quick, clients: concurrencies } = options;
  log(`starting mock detectors, load generator, Temporal and ${options.targets.join(', ')}`);
  const mocks = await startMockDetectors(stage, options.mockPort);
  const [load, targets] = await Promise.all([
    startProcess(stage, 'load.ts'),
    startTargets(stage, mocks, options),
  ]);

  log('warming up');
  for (const target of targets) await checkAnswers(target);
  for (const { url } of targets) await fire(load, { ...warmUp, url, windowMs: quick ? 700 : 4_000 });

  log('measuring');
  const cells = concurrencies.flatMap((concurrency) =>
    targets.map((target): Cell => ({ target, concurrency, samples: [] })),
  );
  const pace = paceOf(quick, () => performance.now());
  const round = concurrencies.flatMap((concurrency) => thereAndBack(cells, concurrency));
  const visits = Array.from({ length: pace.rounds }, () => round).flat();
  let windowsLeft = visits.reduce((sum, { windows }) => sum + windows, 0);
  for (const { cell, windows } of visits) {
    const windowMs = windows * pace.windowMs(windowsLeft);
    const order = { url: cell.target.url, concurrency: cell.concurrency, warmupMs: pace.warmupMs, windowMs };
    cell.samples.push(await fireHonestly(load, mocks, cell.target, order));
    windowsLeft -= windows;
  }

  const rows = cells.map(({ target, concurrency, samples }) => summarize(target.name, concurrency, samples));
  const errors = cells.map(({ samples }) => errorsByKind(samples));
  return {
    bench: 'latency',
    head: ['', 'clients', 'p50 ms', 'p95 ms', 'p99 ms', 'answers/s', 'errors'],
    cells: rows.map((row, index) => [
      row.name,
      row.concurrency,
      ...[row.p50_ms, row.p95_ms, row.p99_ms, row.rps].map((figure) => figure?.toFixed(1) ?? '-'),
      [row.errors, ...Object.entries(errors[index] ?? {}).map(([kind, count]) => `${kind}: ${count}`)].join(
        ' ',
      ),
    ]),
    remarks: comparisons(rows),
    rows,
  };
}

/**
 * bare, conclave, textbook for twice as long, conclave, bare: what drifts slowly weighs on all alike, and the slowest has
 * to warm up only once.
 */
function thereAndBack(cells: Cell[], concurrency: number): { cell: Cell; windows: number }[] {
  const crowd = cells.filter((cell) => cell.concurrency === concurrency);
  const isSlowest = ({ target }: Cell) => target.name === 'textbook';
  const once = crowd.filter((cell) => !isSlowest(cell)).map((cell) => ({ cell, windows: 1 }));
  const twice = crowd.filter(isSlowest).map((cell) => ({ cell, windows: 2 }));
  return [...once, ...twice, ...once.toReversed()];
}

async function startTargets(stage: Stage, mocks: MockDetectors, options: LatencyOptions): Promise<Target[]> {
  const detectors = mocks.origin;
  const needsTemporal = options.targets.includes('textbook') || !options.target;
  const temporal = needsTemporal ? await temporalAt(stage, options.temporal, options.log) : '';
  const start: Record<TargetName, () => Promise<string>> = {
    bare: () => startProcess(stage, 'bare.ts', ['--detectors', detectors]).then(originOf),
    textbook: () =>
      startProcess(stage, 'textbook.ts', ['--detectors', detectors, '--temporal', temporal]).then(originOf),
    conclave: async () =>
      options.target ??
      startConclave(stage, { detectors, temporal, readyLimitMs: options.quick ? 30_000 : 60_000 }),
  };
  return Promise.all(
    targetNames
      .filter((name) => options.targets.includes(name))
      .map(async (name) => targetAt(name, await start[name]())),
  );
}

function originOf({ port }: BenchProcess): string {
  return `http://127.0.0.1:${port}`;
}

async function fire(load: BenchProcess, order: LoadOrder): Promise<LoadSample> {
  return loadSampleSchema.parse(await load.ask(order));
}

/** Every answer must have cost every detector a look at its content; an answer out of a cache is no answer here. */
async function fireHonestly(
  load: BenchProcess,
  mocks: MockDetectors,
  target: Target,
  order: LoadOrder,
): Promise<LoadSample> {
  const before = await mocks.contentsSeen();
  const sample = await fire(load, order);
  const judged = (await mocks.contentsSeen()) - before;
  if (judged < detectorIds.length * sample.answered) {
    throw new Error(
      `${target.name} gave ${sample.answered} answers for ${judged} detector looks at contents`,
    );
  }
  return sample;
}

function comparisons(rows: Row[]): string[] {
  const at = (name: string, clients: number) =>
    rows.find((row) => row.name === name && row.concurrency === clients);
  const ratio = (mine?: number | null, theirs?: number | null) =>
    mine && theirs ? (mine / theirs).toFixed(2) : '-';
  const alone = (rival: string) => ratio(at('conclave', 1)?.p50_ms, at(rival, 1)?.p50_ms);
  const crowded = (rival: string) => ratio(at('conclave', 64)?.rps, at(rival, 64)?.rps);
  return ['bare', 'textbook'].map(
    (rival) =>
      `conclave to ${rival}: p50 at 1 client x ${alone(rival)}, answers/s at 64 clients x ${crowded(rival)}`,
  );
}
