import { Arena, type BenchOptions, type Firing } from './arena';
import { runBulk } from './bulk-job';
import type { Conclave } from './conclave-target';
import { type LargestHistory, largestHistory } from './histories';
import { watchMemory } from './memory';
import type { Report } from './report';
import { contentsIn } from './requests';
import type { Stage } from './stage';
import { latenciesOf, round, secondsOf } from './statistics';
import type { Target } from './target';

const clients = 256;
const batchItems = 100;
const batchClients = 4;
const fewItems = 1_000;

export interface BatchOptions extends BenchOptions {
  /** Sizes of the bulk jobs; with `quick` without the largest. */
  items: readonly number[];
}

interface BatchRow {
  name: string;
  items: number;
  seconds: number;
  items_per_second: number;
  /** Of Conclave's own processes; null for others. */
  peak_memory_mb: number | null;
  largest_history_events: number | null;
  largest_history_bytes: number | null;
  runs: number | null;
  /** Items without a full verdict. */
  missing: number;
}

/** Many items at once: a hundred in one request, and thousands in a bulk job, against single requests. */
export async function batch(stage: Stage, options: BatchOptions): Promise<Report> {
  const { log, quick } = options;
  const arena = await Arena.open(stage, options);
  log('starting bare and Conclave');
  const [rivals, conclave] = await Promise.all([arena.rivals(), arena.conclave('conclave')]);
  const hundreds: Target = {
    name: `conclave, batches of ${batchItems}`,
    url: `${conclave.url}/batch`,
    shape: { kind: 'batch', bundle: 'bench', items: batchItems },
  };
  await arena.check([...rivals, conclave, hundreds]);
  log('warming up');
  for (const target of [...rivals, conclave]) {
    await arena.fire(target, { concurrency: 16, warmupMs: 0, windowMs: quick ? 1_000 : 5_000 });
  }

  const firing = { warmupMs: 500, windowMs: quick ? 2_500 : 10_000 };
  const rows: BatchRow[] = [];
  for (const rival of rivals) {
    log(`measuring ${rival.name}`);
    rows.push({ ...(await fire(arena, rival, { ...firing, concurrency: clients })), ...unseen });
  }
  for (const [target, concurrency] of [
    [conclave, clients],
    [hundreds, batchClients],
  ] as const) {
    log(`measuring ${target.name}`);
    rows.push(await seen(arena, conclave, () => fire(arena, target, { ...firing, concurrency })));
  }
  const sizes = options.items.filter((items) => !quick || items <= 10_000);
  for (const items of sizes) {
    log(`measuring a bulk job of ${items}`);
    const limitMs = quick ? 20_000 : 10 * 60_000;
    rows.push(
      await seen(arena, conclave, async () => {
        const result = await arena.honestly(
          conclave,
          () => runBulk(conclave.origin, 'bench', items, limitMs),
          ({ completed }) => completed,
        );
        return {
          name: `conclave, a bulk job of ${items}`,
          items: result.completed,
          seconds: round(result.seconds, 1),
          items_per_second: round(result.completed / result.seconds, 1),
          missing: items - result.completed,
        };
      }),
    );
  }
  return {
    bench: 'batch',
    head: ['', 'items', 'seconds', 'items/s', 'peak MiB', 'runs', 'largest history', 'missing'],
    cells: rows.map((row) => [
      row.name,
      row.items,
      row.seconds.toFixed(1),
      row.items_per_second.toFixed(0),
      row.peak_memory_mb?.toFixed(0) ?? '-',
      row.runs ?? '-',
      row.largest_history_events === null
        ? '-'
        : `${row.largest_history_events} events, ${((row.largest_history_bytes ?? 0) / 1e6).toFixed(2)} MB`,
      row.missing,
    ]),
    remarks: remarksOn(rows),
    rows,
  };
}

const unseen = {
  peak_memory_mb: null,
  largest_history_events: null,
  largest_history_bytes: null,
  runs: null,
};

type Measured = Pick<BatchRow, 'name' | 'items' | 'seconds' | 'items_per_second' | 'missing'>;

async function fire(arena: Arena, target: Target, firing: Firing): Promise<Measured> {
  const each = contentsIn(target.shape);
  const expecting = each === 1 ? undefined : { text: '"http_status":200', times: each };
  const sample = await arena.fireHonestly(target, { ...firing, expecting });
  const items = latenciesOf([sample], ['200']).length * each;
  const seconds = secondsOf([sample]);
  return {
    name: target.name,
    items,
    seconds,
    items_per_second: round(items / seconds, 1),
    missing: (latenciesOf([sample]).length + sample.network) * each - items,
  };
}

/** Measures with an eye on Conclave's memory and on the histories that come of it. */
async function seen(arena: Arena, { pid }: Conclave, measure: () => Promise<Measured>): Promise<BatchRow> {
  await arena.settle();
  const since = new Date();
  const memory = pid === null ? null : watchMemory(pid);
  const measured = await measure();
  const peak = memory?.peakMb() ?? null;
  const history: LargestHistory = await largestHistory(arena.backend.temporal, since);
  return {
    ...measured,
    peak_memory_mb: peak === null ? null : round(peak, 1),
    largest_history_events: history.events,
    largest_history_bytes: history.bytes,
    runs: history.runs,
  };
}

function remarksOn(rows: readonly BatchRow[]): string[] {
  const sync = rows.find(({ name }) => name === 'conclave');
  const few = rows.find(({ name }) => name.endsWith(`of ${fewItems}`));
  return rows
    .filter(({ name }) => name.startsWith('conclave, a bulk job'))
    .map((row) => {
      const rate = sync ? (row.items_per_second / sync.items_per_second).toFixed(2) : '-';
      const grown =
        few && few.peak_memory_mb !== null && row.peak_memory_mb !== null
          ? (row.peak_memory_mb - few.peak_memory_mb).toFixed(0)
          : '-';
      return `${row.name}: items/s x ${rate} of single requests at ${clients}; peak memory ${grown} MiB over that of ${fewItems}; mapping off`;
    });
}
