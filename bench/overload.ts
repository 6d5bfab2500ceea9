import { Arena, type BenchOptions } from './arena';
import { detectorIds } from './bundles';
import { type OverloadRow, overloadRow } from './overload-row';
import type { Report } from './report';
import { requestOf } from './requests';
import type { Stage } from './stage';
import type { Target } from './target';
import { distinctTexts } from './texts';

/** Closed loops to look for the sustainable rate with; for some service the fuller one is overload already. */
const crowds = [64, 256];
/** Of the best that a closed loop gets answered inside the SLA: what can go on for long. */
const sustainableShare = 0.9;
const factors = [1, 3];

/** Requests come at once and at three times the rate that can be sustained, whether or not earlier ones were answered. */
export async function overload(stage: Stage, options: BenchOptions): Promise<Report> {
  const { log, quick } = options;
  const arena = await Arena.open(stage, options);
  log('starting bare and Conclave');
  const [rivals, conclave] = await Promise.all([arena.rivals(), arena.conclave('conclave')]);
  const targets: Target[] = [...rivals, conclave];
  await arena.check(targets);
  log('warming up');
  for (const target of targets) {
    await arena.fire(target, { concurrency: 64, warmupMs: 0, windowMs: quick ? 2_000 : 5_000 });
  }

  const windowMs = quick ? 4_000 : 8_000;
  const rows: OverloadRow[] = [];
  for (const target of targets) {
    log(`looking for the sustainable rate of ${target.name}`);
    const sustainable = await sustainableRate(arena, target, quick ? 2_000 : 5_000);
    for (const factor of factors) {
      const rate = factor * sustainable;
      log(`measuring ${target.name} at ${factor} x ${sustainable}/s`);
      await arena.settle();
      const begun = performance.now();
      const before = await arena.mocks.contentsSeen();
      const sample = await arena.fire(target, { concurrency: 1, rate, warmupMs: 1_500, windowMs });
      const looks = (await arena.mocks.contentsSeen()) - before;
      const judged = looks / detectorIds.length / ((performance.now() - begun) / 1_000);
      rows.push(overloadRow(target.name, factor, rate, sample, judged));
    }
    await assertNotRateLimited(target);
  }
  return {
    bench: 'overload',
    head: [
      ...['', 'load', 'rate/s', 'sent/s', 'verdicts/s', 'jobs/s', 'refused/s'],
      ...['inside SLA', 'goodput/s', 'verdict p50 ms', 'p99 ms', 'judged/s', 'no answer'],
    ],
    cells: rows.map((row) => [
      row.name,
      `${row.factor} x`,
      row.rate,
      ...[row.sent_rps, row.verdicts_rps, row.jobs_rps, row.refused_rps].map((figure) => figure.toFixed(0)),
      row.inside_sla === null ? '-' : `${(100 * row.inside_sla).toFixed(1)} %`,
      row.goodput_rps.toFixed(0),
      ...[row.p50_ms, row.p99_ms].map((figure) => figure?.toFixed(0) ?? '-'),
      row.judged_rps.toFixed(0),
      row.network,
    ]),
    remarks: rows.flatMap((row) => {
      const calm = rows.find(({ name, factor }) => name === row.name && factor === 1);
      if (row === calm || !calm?.goodput_rps) return [];
      const share = (row.goodput_rps / calm.goodput_rps).toFixed(2);
      return [`${row.name} at ${row.factor} x: goodput x ${share} of that at 1 x; mapping off`];
    }),
    rows,
  };
}

/** @throws Error when no closed loop gets a verdict inside the SLA */
async function sustainableRate(arena: Arena, target: Target, windowMs: number): Promise<number> {
  let best = 0;
  for (const concurrency of crowds) {
    const sample = await arena.fireHonestly(target, { concurrency, warmupMs: 500, windowMs });
    best = Math.max(best, overloadRow(target.name, 1, 0, sample, 0).goodput_rps);
    await arena.settle();
  }
  if (best === 0) throw new Error(`${target.name} gives no verdict inside its SLA`);
  return Math.max(1, Math.round(best * sustainableShare));
}

/** @throws Error when it was the tenant's limit that refused, which would measure the limit */
async function assertNotRateLimited({ name, url, shape }: Target): Promise<void> {
  const response = await fetch(url, { method: 'POST', ...requestOf(shape, distinctTexts()) });
  await response.text();
  if (response.headers.get('ratelimit-remaining') === '0') {
    throw new Error(`the requests of the bench used up the rate limit of ${name}`);
  }
}
