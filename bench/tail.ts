import { Arena, type BenchOptions } from './arena';
import type { LoadOrder } from './load-order';
import type { Report } from './report';
import type { Stage } from './stage';
import { countsByStatus, latenciesOf, percentile, round, secondsOf } from './statistics';
import { type Target, withBundle } from './target';

/** The sync SLA of normal priority, and what the network may add (spec/orchestration.md 4.1). */
const slaMs = 2_000;
const graceMs = 50;
/** In every answer without the hung detector. */
const others = { text: '"status":"success"', times: 3 };
const neverOpens = { ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000000' };

interface Part {
  name: string;
  target: Target;
  clients: number;
  expecting?: LoadOrder['expecting'];
}

/** One of four detectors never answers: when do answers leave, and with what? */
export async function tail(stage: Stage, options: BenchOptions): Promise<Report> {
  const { log, quick } = options;
  const arena = await Arena.open(stage, options);
  log('starting bare and two Conclaves, one of which never opens a circuit');
  const [rivals, conclave, patient] = await Promise.all([
    arena.rivals(),
    arena.conclave('conclave'),
    arena.conclave('patient', neverOpens),
  ]);
  const healthy = [...rivals, conclave];
  await arena.check([...healthy, patient]);
  const parts: Part[] = [
    ...healthy.map((target) => ({ name: `${target.name}, none hung`, target, clients: 64 })),
    ...rivals.map((rival) => ({
      name: `${rival.name}, one hung`,
      target: withBundle(rival, 'bench-hung'),
      clients: 64,
    })),
    {
      name: 'conclave, one hung',
      target: withBundle(conclave, 'bench-hung'),
      clients: 64,
      expecting: others,
    },
    {
      name: 'conclave, one hung, circuit held closed',
      target: withBundle(patient, 'bench-hung'),
      clients: 64,
      expecting: others,
    },
    {
      name: 'conclave, the same, conversion forbidden',
      target: withBundle(patient, 'bench-hung-sync'),
      clients: 16,
      expecting: others,
    },
  ];

  log('warming up');
  for (const target of [...healthy, patient]) {
    await arena.fire(target, { concurrency: 16, warmupMs: 0, windowMs: quick ? 700 : 3_000 });
  }
  const rows = [];
  for (const { name, target, clients, expecting } of parts) {
    log(`measuring ${name}`);
    await arena.settle();
    const sample = await arena.fireHonestly(target, {
      concurrency: clients,
      warmupMs: 0,
      windowMs: quick ? 2_500 : 10_000,
      expecting,
    });
    const latencies = latenciesOf([sample]);
    const at = (percent: number) => round(percentile(latencies, percent), 1);
    rows.push({
      name,
      concurrency: clients,
      rps: round(latencies.length / secondsOf([sample]), 1),
      p50_ms: at(50),
      p99_ms: at(99),
      max_ms: at(100),
      late: latencies.filter((latency) => latency > slaMs + graceMs).length,
      statuses: { ...countsByStatus([sample]), ...(sample.network > 0 && { network: sample.network }) },
    });
  }
  return {
    bench: 'tail',
    head: ['', 'clients', 'answers/s', 'p50 ms', 'p99 ms', 'longest ms', 'late', 'answers by status'],
    cells: rows.map((row) => [
      row.name,
      row.concurrency,
      ...[row.rps, row.p50_ms, row.p99_ms, row.max_ms].map((figure) => figure?.toFixed(1) ?? '-'),
      row.late,
      Object.entries(row.statuses)
        .map(([status, count]) => `${status}: ${count}`)
        .join(' '),
    ]),
    remarks: [
      `late: after the SLA of ${slaMs} ms and ${graceMs} ms; incomplete: without the results of the other three; mapping off`,
    ],
    rows,
  };
}
