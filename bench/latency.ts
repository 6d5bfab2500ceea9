import { Arena, type BenchOptions } from './arena';
import { conclaveAt } from './conclave-target';
import type { LoadSample } from './load-order';
import { paceOf } from './pace';
import type { Report } from './report';
import type { Stage } from './stage';
import { errorsByKind, type Row, summarize } from './statistics';
import { checkAnswers, type Target, withBundle } from './target';
import { type Cell, cellsOf, type RowName, visitsOf } from './visits';

export interface LatencyOptions extends BenchOptions {
  /** Origin of a running Conclave that has the bench's registry and policies. */
  target?: string;
  /** Numbers of clients, each measured on its own. */
  clients: readonly number[];
  targets: readonly RowName[];
}

const titles: Readonly<Record<string, string>> = {
  mapped: 'conclave + mapping',
  unshared: 'conclave, a run each',
};

/** The same requests to a plain fan-out, a textbook workflow and Conclave: latency and throughput in one run. */
export async function latency(stage: Stage, options: LatencyOptions): Promise<Report> {
  const { log, quick } = options;
  const arena = await Arena.open(stage, options);
  log(`starting ${options.targets.join(', ')}`);
  const targets = await startTargets(arena, options);

  log('warming up');
  await arena.check([...targets.values()]);
  for (const target of targets.values()) {
    await arena.fire(target, { concurrency: quick ? 16 : 64, warmupMs: 0, windowMs: quick ? 500 : 10_000 });
  }

  const cells = cellsOf([...targets.keys()], options.clients, quick);
  const samples = new Map<string, LoadSample[]>();
  const pace = paceOf(quick, () => performance.now());
  const visits = visitsOf(cells, pace.rounds);
  let windowsLeft = visits.reduce((sum, { windows }) => sum + windows, 0);
  for (const { row, clients, windows } of visits) {
    if (pace.isTimeUp()) break;
    const windowMs = windows * pace.windowMs(windowsLeft);
    const firing = { concurrency: clients, warmupMs: pace.warmupMs, windowMs };
    log(`measuring ${row} at ${clients}`);
    const sample = await arena.fireHonestly(targets.get(row)!, firing);
    samples.set(`${row} ${clients}`, [...(samples.get(`${row} ${clients}`) ?? []), sample]);
    windowsLeft -= windows;
  }

  const isMeasured = ({ row, clients }: Cell) => samples.has(`${row} ${clients}`);
  const leftOut = cells.filter((cell) => !isMeasured(cell));
  const rows = cells.filter(isMeasured).map(({ row, clients }) => {
    const all = samples.get(`${row} ${clients}`) ?? [];
    return {
      ...summarize(titles[row] ?? row, clients, all),
      mapping: mappingOf(row),
      kinds: errorsByKind(all),
    };
  });
  return {
    bench: 'latency',
    head: ['', 'clients', 'mapping', 'p50 ms', 'p95 ms', 'p99 ms', 'answers/s', 'errors'],
    cells: rows.map((row) => [
      row.name,
      row.concurrency,
      row.mapping ?? '',
      ...[row.p50_ms, row.p95_ms, row.p99_ms, row.rps].map((figure) => figure?.toFixed(1) ?? '-'),
      [row.errors, ...Object.entries(row.kinds).map(([kind, count]) => `${kind}: ${count}`)].join(' '),
    ]),
    remarks: [
      ...comparisons(rows),
      ...leftOut.map(({ row, clients }) => `left out for want of time: ${titles[row] ?? row} at ${clients}`),
    ],
    rows: rows.map(({ kinds: _kinds, ...row }) => row),
  };
}

/** Whether a Conclave maps its results to the taxonomy; the others have no mapping. */
function mappingOf(row: string): 'on' | 'off' | null {
  if (row === 'mapped') return 'on';
  return row === 'conclave' || row === 'unshared' ? 'off' : null;
}

async function startTargets(arena: Arena, options: LatencyOptions): Promise<Map<string, Target>> {
  const wanted = (...names: RowName[]) => names.some((name) => options.targets.includes(name));
  const { target } = options;
  const [rivals, textbook, conclave, unshared] = await Promise.all([
    wanted('bare') ? arena.rivals() : [],
    wanted('textbook') ? arena.textbook() : null,
    wanted('conclave', 'mapped') ? (target ? conclaveAt(target) : arena.conclave('conclave')) : null,
    wanted('unshared')
      ? arena.conclave('unshared', { ORCHESTRATION_ORCHESTRATION__SHARED_RUNS: 'false' })
      : null,
  ]);
  const targets = new Map<string, Target>(rivals.map((rival) => [rival.name, rival]));
  if (textbook) targets.set('textbook', textbook);
  if (conclave && wanted('conclave')) targets.set('conclave', conclave);
  if (conclave && wanted('mapped')) {
    const mapped = withBundle(conclave, 'bench-mapped', 'mapped');
    if (!(await checkAnswers(mapped)).includes('"mapping_result":{')) {
      throw new Error('the answer of the bundle with mapping holds no mapping');
    }
    targets.set('mapped', mapped);
  }
  if (unshared) targets.set('unshared', unshared);
  return targets;
}

function comparisons(rows: readonly Row[]): string[] {
  const ratio = (mine: number | null, theirs: number | null) =>
    mine && theirs ? (mine / theirs).toFixed(2) : '-';
  return rows
    .filter(({ name }) => name === 'conclave')
    .flatMap((mine) =>
      rows
        .filter(({ name, concurrency }) => !name.startsWith('conclave') && concurrency === mine.concurrency)
        .map(
          (rival) =>
            `conclave to ${rival.name} at ${mine.concurrency}: ` +
            `p50 x ${ratio(mine.p50_ms, rival.p50_ms)}, answers/s x ${ratio(mine.rps, rival.rps)}`,
        ),
    );
}
