import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '../src/embedded/ports';
import { startPostgres } from '../src/embedded/postgres-server';
import { Arena, type BenchOptions } from './arena';
import { type BenchProcess, startProcess } from './bench-process';
import type { Conclave } from './conclave-target';
import { type LoadOrder, type LoadSample, loadSampleSchema } from './load-order';
import type { Report } from './report';
import type { Stage } from './stage';
import { errorsByKind, round, summarize } from './statistics';

/** The first is the way up; the others are what the contract asks about. */
const users = [10, 50, 200] as const;
const asked = 50;
const processes = [1, 2] as const;
const p95LimitMs = 2000;
const errorLimit = 0.05;

/** A Conclave process, each of which works on the runs that it takes in, and who sends to it. */
interface Lane {
  readonly conclave: Conclave;
  readonly load: BenchProcess;
}

/** More and more users on one process, then divided among two that share a store (spec/orchestration.md 10, 15.1). */
export async function ramp(stage: Stage, options: BenchOptions): Promise<Report> {
  const { log, quick } = options;
  const arena = await Arena.open(stage, options);
  const shared = await sharedSettings(stage, log);
  const lanes: Lane[] = [];
  const rows: (ReturnType<typeof summarize> & { processes: number; error_share: number })[] = [];
  const times = { warmupMs: quick ? 500 : 2_000, windowMs: quick ? 1_500 : 15_000 };
  for (const count of processes) {
    log(`starting process ${count}`);
    const conclave = await arena.conclave(`ramp-${count}`, shared);
    lanes.push({ conclave, load: await startProcess(stage, 'load.ts') });
    await arena.check([conclave]);
    await fire(lanes, { concurrency: 16, warmupMs: 0, windowMs: quick ? 1_000 : 10_000 });
    for (const concurrency of users) {
      log(`${concurrency} users on ${count} process(es)`);
      await arena.settle();
      const sample = await arena.honestly(
        conclave,
        () => fire(lanes, { concurrency, ...times }),
        ({ answered }) => answered['200'] ?? 0,
      );
      const errors = Object.values(errorsByKind([sample])).reduce((sum, some) => sum + some, 0);
      const answers = Object.values(sample.latenciesMs).reduce((sum, some) => sum + some.length, 0);
      const error_share = round(errors / Math.max(1, answers + sample.network), 4);
      const name = `${count} process${count > 1 ? 'es' : ''}`;
      rows.push({ ...summarize(name, concurrency, [sample]), processes: count, error_share });
    }
  }
  return {
    bench: 'ramp',
    head: ['', 'users', 'p50 ms', 'p95 ms', 'p99 ms', 'answers/s', 'errors %'],
    cells: rows.map((row) => [
      row.name,
      row.concurrency,
      ...[row.p50_ms, row.p95_ms, row.p99_ms, row.rps].map((figure) => figure?.toFixed(1) ?? '-'),
      (row.error_share * 100).toFixed(2),
    ]),
    remarks: remarksOn(rows),
    rows,
  };
}

/** What the processes have in common: a database, a task queue, a key. */
async function sharedSettings(stage: Stage, log: BenchOptions['log']): Promise<Record<string, string>> {
  const postgres = await startPostgres({
    dataDir: join(stage.directory, 'shared-postgres'),
    port: await freePort(),
    log,
  });
  stage.onStrike(() => postgres.stop());
  return {
    ORCHESTRATION_DATABASE_URL: postgres.url,
    ORCHESTRATION_WORKFLOW__TASK_QUEUE: 'orchestrations-ramp',
    ORCHESTRATION_SECURITY__MASTER_KEY: randomBytes(32).toString('base64'),
  };
}

/** Users divided among the processes, at the same time. */
async function fire(
  lanes: readonly Lane[],
  { concurrency, ...times }: Pick<LoadOrder, 'concurrency' | 'warmupMs' | 'windowMs'>,
): Promise<LoadSample> {
  const samples = await Promise.all(
    lanes.map(async ({ conclave: { url, shape }, load }) => {
      const order: LoadOrder = { url, shape, ...times, concurrency: concurrency / lanes.length };
      return loadSampleSchema.parse(await load.ask(order));
    }),
  );
  return samples.reduce(together);
}

/** Two samples of the same time. */
function together(a: LoadSample, b: LoadSample): LoadSample {
  const merged = <T>(one: Record<string, T>, other: Record<string, T>, add: (x: T, y: T) => T) =>
    Object.entries(other).reduce<Record<string, T>>(
      (all, [status, value]) => ({
        ...all,
        [status]: all[status] === undefined ? value : add(all[status], value),
      }),
      one,
    );
  return {
    windowMs: Math.max(a.windowMs, b.windowMs),
    sent: a.sent + b.sent,
    latenciesMs: merged(a.latenciesMs, b.latenciesMs, (x, y) => [...x, ...y]),
    network: a.network + b.network,
    answered: merged(a.answered, b.answered, (x, y) => x + y),
  };
}

function remarksOn(
  rows: readonly (ReturnType<typeof summarize> & { processes: number; error_share: number })[],
): string[] {
  const counted = rows.filter(({ concurrency }) => concurrency >= asked);
  const within = counted.map((row) => {
    const holds = (row.p95_ms ?? Infinity) < p95LimitMs && row.error_share < errorLimit;
    return `${row.concurrency} users on ${row.name}: ${holds ? 'within' : 'NOT within'} p95 < ${p95LimitMs} ms, errors < ${errorLimit * 100} %`;
  });
  const growth = counted
    .filter(({ processes: count }) => count === 2)
    .map((two) => {
      const one = counted.find((row) => row.processes === 1 && row.concurrency === two.concurrency);
      return `${two.concurrency} users: answers/s x ${round(two.rps / (one?.rps || NaN), 2)} on two processes`;
    });
  return [...within, ...growth];
}
