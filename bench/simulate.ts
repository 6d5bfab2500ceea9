import { setTimeout as delay } from 'node:timers/promises';
import { type SimulationView, simulationSchema } from '../src/contract/simulation';
import { Arena, type BenchOptions } from './arena';
import { runBulk } from './bulk-job';
import { detectorIds } from './bundles';
import type { Conclave } from './conclave-target';
import { watchMemory } from './memory';
import type { Report } from './report';
import type { Stage } from './stage';
import { round } from './statistics';

export interface SimulateOptions extends BenchOptions {
  /** Outcomes that are stored and replayed. */
  readonly outcomes: number;
}

const quickOutcomes = 5_000;
const fillLimitMs = 8 * 60_000;
const pollMs = 100;

const statics = {
  tenant_id: 'demo',
  policy_bundle: 'bench',
  required_detectors: detectorIds,
  coverage_calculation: { calculation_method: 'required_set' },
  conflict_resolution: 'most_restrictive',
};
const rego = `package orchestration

selection := {"selected_detectors": [d.name | some d in input.candidate_detectors; startswith(d.name, "mock-"); d.name != "mock-hung"]}

coverage := {"coverage_met": input.coverage_achieved >= input.threshold}

conflict := {"resolution_strategy": "most_restrictive"}
`;
const candidates = {
  'static fields': { policy: statics },
  'Rego: selection, coverage, conflict': {
    policy: { ...statics, rego_policy_path: 'rules' },
    rego: { 'rules/rules.rego': rego },
  },
};

interface Row {
  name: string;
  outcomes: number;
  seconds: number;
  outcomes_per_second: number;
  peak_memory_mb: number | null;
}

/** What has been judged by a bulk job, replayed through candidates by the process that serves. */
export async function simulate(stage: Stage, options: SimulateOptions): Promise<Report> {
  const { log, quick } = options;
  const outcomes = quick ? Math.min(quickOutcomes, options.outcomes) : options.outcomes;
  const arena = await Arena.open(stage, options);
  const conclave = await arena.conclave('conclave');
  log(`judging ${outcomes} items to replay`);
  await runBulk(conclave.origin, 'bench', outcomes, fillLimitMs);
  await arena.settle();
  const rows: Row[] = [];
  for (const [name, candidate] of Object.entries(candidates)) {
    log(`measuring ${name}`);
    rows.push(await measured(conclave, name, candidate, outcomes));
  }
  return {
    bench: 'simulate',
    head: ['candidate', 'outcomes', 'seconds', 'outcomes/s', 'peak MiB'],
    cells: rows.map((row) => [
      row.name,
      row.outcomes,
      row.seconds.toFixed(1),
      row.outcomes_per_second.toFixed(0),
      row.peak_memory_mb?.toFixed(0) ?? '-',
    ]),
    remarks: ['from the call to the finished report; memory of the process that also serves'],
    rows,
  };
}

async function measured(
  { origin, pid }: Conclave,
  name: string,
  candidate: object,
  outcomes: number,
): Promise<Row> {
  const memory = pid === null ? null : watchMemory(pid);
  const startedAt = performance.now();
  const begun = await ask(origin, 'POST', 'simulate', candidate);
  const ended = await end(origin, begun);
  const seconds = (performance.now() - startedAt) / 1000;
  const peak = memory?.peakMb() ?? null;
  const { report } = ended;
  if (report?.replayed !== outcomes || report.unknown > 0 || report.fell_back > 0)
    throw new Error(`the simulation of ${name} is not whole: ${JSON.stringify(ended)}`);
  return {
    name,
    outcomes: report.replayed,
    seconds: round(seconds, 1),
    outcomes_per_second: round(report.replayed / seconds, 1),
    peak_memory_mb: peak === null ? null : round(peak, 1),
  };
}

async function end(origin: string, begun: SimulationView): Promise<SimulationView> {
  for (let seen = begun; ; seen = await ask(origin, 'GET', `simulations/${begun.simulation_id}`)) {
    if (seen.completed_at !== null) return seen;
    await delay(pollMs);
  }
}

async function ask(origin: string, method: string, path: string, body?: object): Promise<SimulationView> {
  const response = await fetch(`${origin}/api/v1/policies/bench/${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-tenant-id': 'demo' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
  return simulationSchema.parse(JSON.parse(text));
}
