import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { Arena, type BenchOptions } from './arena';
import { originOf, startProcess } from './bench-process';
import { decideAsCallsDo } from './breaker-decisions';
import type { Conclave } from './conclave-target';
import type { LoadSample } from './load-order';
import type { Report } from './report';
import type { Stage } from './stage';
import { errorsByKind, round, summarize } from './statistics';

const watched = 500;
const clients = 16;
const readyLimitMs = 60_000;

/** So many upstreams, checked this often; 0: none are. */
interface Part {
  readonly name: string;
  readonly upstreams: number;
  readonly intervalS: number;
}

const parts: readonly Part[] = [
  { name: 'proxy, nothing under check', upstreams: 0, intervalS: 30 },
  { name: `proxy, ${watched} checked every 30 s`, upstreams: watched, intervalS: 30 },
  { name: `proxy, ${watched} checked every 5 s`, upstreams: watched, intervalS: 5 },
];

/** What health checks cost proxied requests (gateway H9), and what a breaker costs a call (B9). */
export async function health(stage: Stage, options: BenchOptions): Promise<Report> {
  const { log, quick } = options;
  const arena = await Arena.open(stage, options);
  const answer = join(stage.directory, 'answer.json');
  writeFileSync(answer, '{"as":"ever"}');
  log('starting Conclave and the upstream behind its proxy');
  const [conclave, constant] = await Promise.all([
    arena.conclave('conclave'),
    startProcess(stage, 'constant.ts', ['--answer', answer]),
  ]);
  const registry = new RegistryFile(
    join(stage.directory, 'conclave', 'detectors.yaml'),
    originOf(constant),
    arena.mocks.origin,
  );
  const target = { ...conclave, url: `${conclave.origin}/api/v1/proxy/measured/unread` };
  // Checks every 30 s come in bunches: a window holds at least one.
  const windowMs = quick ? 2_000 : 32_000;

  log('warming up');
  await registry.listing(parts[0]!, conclave);
  await arena.fire(target, { concurrency: clients, warmupMs: 0, windowMs: quick ? 2_000 : 5_000 });

  const samples = new Map<Part, LoadSample[]>(parts.map((part) => [part, []]));
  const rounds = quick ? parts : [...parts, ...parts.toReversed()];
  for (const part of rounds) {
    log(part.name);
    await registry.listing(part, conclave);
    samples.get(part)!.push(await arena.fire(target, { concurrency: clients, warmupMs: 1_000, windowMs }));
  }

  const rows = parts.map((part) => summarize(part.name, clients, samples.get(part)!));
  const kinds = parts.map((part) => errorsByKind(samples.get(part)!));
  log('deciding');
  const decision = decideAsCallsDo(quick ? 100_000 : 1_000_000);
  const [without, ...others] = rows;
  return {
    bench: 'health',
    head: ['', 'clients', 'p50 ms', 'p95 ms', 'p99 ms', 'answers/s', 'errors'],
    cells: [
      ...rows.map((row, index) => [
        row.name,
        row.concurrency,
        ...[row.p50_ms, row.p95_ms, row.p99_ms, row.rps].map((figure) => figure?.toFixed(2) ?? '-'),
        [row.errors, ...Object.entries(kinds[index]!).map(([kind, count]) => `${kind}: ${count}`)].join(' '),
      ]),
      [decision.name, 1, ...[decision.p50_ms, decision.p95_ms, decision.p99_ms].map(asMs), '-', 0],
    ],
    remarks: others.map(
      (row) => `${row.name}: p95 x ${round((row.p95_ms ?? 0) / (without?.p95_ms ?? 1), 3)} of none`,
    ),
    rows: [...rows, decision],
  };
}

function asMs(figure: number): string {
  return figure.toFixed(5);
}

/** The registry file of the Conclave that is measured: its detectors, the upstream behind the proxy, and who is checked. */
class RegistryFile {
  readonly #detectors: unknown;

  constructor(
    private readonly file: string,
    private readonly measured: string,
    private readonly checked: string,
  ) {
    this.#detectors = (parse(readFileSync(file, 'utf8')) as { detectors: unknown }).detectors;
  }

  /** Resolves when all of them have been checked. */
  async listing({ upstreams, intervalS }: Part, conclave: Conclave): Promise<void> {
    const endpoints = [
      { name: 'measured', url: this.measured, methods: ['POST'], health_check: { enabled: false } },
      ...Array.from({ length: upstreams }, (_, index) => ({
        name: `checked-${index}-${intervalS}`,
        url: `${this.checked}/health?upstream=${index}-${intervalS}`,
        health_check: { interval: intervalS, unhealthy_interval: intervalS },
      })),
    ];
    writeFileSync(this.file, stringify({ detectors: this.#detectors, endpoints }));
    const giveUpAt = performance.now() + readyLimitMs;
    while (!(await areChecked(conclave, upstreams, intervalS))) {
      if (performance.now() > giveUpAt) throw new Error(`${upstreams} upstreams were not checked in time`);
      await delay(250);
    }
  }
}

async function areChecked({ origin }: Conclave, upstreams: number, intervalS: number): Promise<boolean> {
  const [route, response] = await Promise.all([
    fetch(`${origin}/api/v1/registry/endpoints/measured`),
    fetch(`${origin}/api/v1/health/endpoints`),
  ]);
  if (!route.ok || !response.ok) return false;
  const { endpoints } = (await response.json()) as { endpoints: { endpoint_id: string; status: string }[] };
  const checked = endpoints.filter(({ endpoint_id }) => endpoint_id.startsWith('checked-'));
  return (
    checked.length === upstreams &&
    checked.every(({ endpoint_id, status }) => endpoint_id.endsWith(`-${intervalS}`) && status === 'healthy')
  );
}
