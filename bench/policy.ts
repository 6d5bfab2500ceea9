import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { SelectionInput } from '../src/contract/decisions';
import type { Bundle } from '../src/policy/bundle';
import { compileRego } from '../src/policy/compile';
import { createEvaluationPool } from '../src/policy/evaluation-pool';
import { createPolicyEvaluator } from '../src/policy/evaluator';
import { bundleFolders, readBundle } from '../src/policy/load';
import { loadRegoModule, regoModule } from '../src/policy/rego-module';
import type { Report } from './report';
import { percentile } from './statistics';

const root = resolve(__dirname, '..');
const compiledWorker = join(root, 'dist', 'policy', 'evaluation-worker.js');
const requestId = 'a5d1f2a0-0000-4000-8000-000000000001';
const bundlesAtOnce = 1000;
const mebibyte = 1024 * 1024;

interface Timing {
  readonly name: string;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  readonly decisions: number;
}

/** What a decision costs, and what a thousand bundles take. */
export async function policy({ quick }: { readonly quick: boolean }): Promise<Report> {
  const bundle = await compiledBundle();
  const input = inputFor(bundle, 20);
  const times = quick ? 2_000 : 20_000;

  const evaluator = createPolicyEvaluator();
  const inProcess = await timed('one decision, 20 detectors, in process', times, () =>
    evaluator.select(bundle, input, requestId),
  );
  await evaluator.close();
  const rows: Timing[] = [inProcess];

  if (existsSync(compiledWorker)) {
    const pool = createEvaluationPool({ timeoutMs: 250, maxWaitMs: 10_000, workerFile: compiledWorker });
    const module = regoModule(bundle.wasm!);
    const json = Buffer.from(JSON.stringify(input));
    rows.push(
      await timed('the same in a thread', times / 20, () =>
        pool.evaluate('bench', module, 'selection', json),
      ),
    );
    await pool.close();
  }

  const resident = await residentMb(bundle, input);
  return {
    bench: 'policy',
    head: ['', 'p50 ms', 'p99 ms', 'decisions'],
    cells: rows.map(({ name, p50_ms, p99_ms, decisions }) => [name, p50_ms ?? '', p99_ms ?? '', decisions]),
    remarks: [`${bundlesAtOnce} bundles, each asked once, take ${resident} MB`],
    rows: [...rows, { name: `${bundlesAtOnce} bundles`, resident_mb: resident }],
  };
}

async function compiledBundle(): Promise<Bundle> {
  const folders = await bundleFolders(join(root, 'policies'));
  const folder = folders.find(({ bundle }) => bundle === 'default')!;
  const { policy: fields, sources } = await readBundle(folder);
  const opa = process.env.CONCLAVE_OPA_BIN ?? join(root, '.tools', 'bin', 'opa');
  const wasm = await compileRego(opa, sources);
  return { policy: fields, digest: 'bench', wasm, rules: loadRegoModule(wasm).rules };
}

function inputFor(bundle: Bundle, detectors: number): SelectionInput {
  return {
    tenant_id: 'demo',
    policy_bundle: 'default',
    environment: 'prod',
    content_type: 'text',
    content_length: 200,
    priority: 'normal',
    candidate_detectors: Array.from({ length: detectors }, (_, index) => ({
      name: `detector-${index}`,
      version: '1.0',
      taxonomy_categories: ['PII', 'HARM'],
      healthy: true,
      breaker: 'closed',
    })),
    required_detectors: [],
    excluded_detectors: [],
    policy: bundle.policy,
  };
}

async function timed(name: string, times: number, act: () => Promise<unknown>): Promise<Timing> {
  for (let warmUp = 0; warmUp < Math.min(times, 1000); warmUp++) await act();
  const took = new Float64Array(times);
  for (let i = 0; i < times; i++) {
    const startedAt = performance.now();
    await act();
    took[i] = performance.now() - startedAt;
  }
  took.sort();
  const at = (percent: number) => Math.round((percentile(took, percent) ?? 0) * 1000) / 1000;
  return { name, p50_ms: at(50), p99_ms: at(99), decisions: times };
}

/** What the process grows by when it holds so many bundles, each with Rego of its own, and has asked each of them. */
async function residentMb(bundle: Bundle, input: SelectionInput): Promise<number> {
  const before = process.memoryUsage().rss;
  const evaluator = createPolicyEvaluator();
  const bundles = Array.from({ length: bundlesAtOnce }, (_, index) => ({
    ...bundle,
    digest: `bench-${index}`,
    wasm: Uint8Array.from(bundle.wasm!),
  }));
  for (const one of bundles) {
    const decision = await evaluator.select(one, input, requestId);
    if (decision.kind !== 'decision')
      throw new Error(`a bundle has not decided: ${JSON.stringify(decision)}`);
  }
  const after = process.memoryUsage().rss;
  await evaluator.close();
  return Math.round((after - before) / mebibyte);
}
