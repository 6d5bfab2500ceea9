import { Arena, type BenchOptions } from './arena';
import type { LoadSample } from './load-order';
import type { Report } from './report';
import type { Stage } from './stage';
import { percentile, type Row, summarize } from './statistics';
import type { Target } from './target';

export interface VersusOptions extends BenchOptions {
  /** Folder of another checkout, built. */
  other: string;
  clients: readonly number[];
  rounds: number;
}

interface Side {
  readonly target: Target;
  readonly samples: LoadSample[];
}

/**
 * This Conclave and that of another checkout, in turns of a few seconds: what the machine does meanwhile is done to both.
 * What counts is the median of the ratios of neighboring windows.
 */
export async function versus(stage: Stage, options: VersusOptions): Promise<Report> {
  const { log, quick, other, clients } = options;
  const arena = await Arena.open(stage, options);
  log(`starting this Conclave and that of ${other}`);
  const targets = [await arena.conclave('this'), await arena.conclaveOf(other, 'other')] as const;
  await arena.check(targets);
  const windowMs = quick ? 1_000 : 5_000;
  const rows: Row[] = [];
  const remarks: string[] = [];
  for (const concurrency of clients) {
    const sides = targets.map((target): Side => ({ target, samples: [] }));
    for (const { target } of sides) {
      log(`warming up ${target.name} at ${concurrency}`);
      await arena.fire(target, { concurrency, warmupMs: 0, windowMs: quick ? 1_000 : 8_000 });
      await arena.settle();
    }
    for (let round = 0; round < (quick ? 3 : options.rounds); round++) {
      log(`measuring both at ${concurrency}, round ${round + 1}`);
      for (const { target, samples } of round % 2 === 0 ? sides : sides.toReversed()) {
        samples.push(await arena.fireHonestly(target, { concurrency, warmupMs: 500, windowMs }));
        await arena.settle();
      }
    }
    rows.push(...sides.map(({ target, samples }) => summarize(target.name, concurrency, samples)));
    remarks.push(remarkOn(concurrency, ratiosOf(sides[0]!, sides[1]!)));
  }
  return {
    bench: 'versus',
    head: ['', 'clients', 'p50 ms', 'p95 ms', 'p99 ms', 'answers/s', 'errors'],
    cells: rows.map((row) => [
      row.name,
      row.concurrency,
      ...[row.p50_ms, row.p95_ms, row.p99_ms, row.rps].map((figure) => figure?.toFixed(1) ?? '-'),
      row.errors,
    ]),
    remarks,
    rows,
  };
}

/** Of answers a second, window by window, rising. */
function ratiosOf(mine: Side, theirs: Side): number[] {
  const answers = ({ latenciesMs }: LoadSample) => latenciesMs['200']?.length ?? 0;
  return mine.samples
    .map((sample, round) => answers(sample) / Math.max(1, answers(theirs.samples[round]!)))
    .toSorted((one, another) => one - another);
}

function remarkOn(clients: number, ratios: readonly number[]): string {
  const at = (percent: number) => percentile(ratios, percent)?.toFixed(2) ?? '-';
  return `this to other at ${clients}: answers/s x ${at(50)} (half of the windows between ${at(25)} and ${at(75)})`;
}
