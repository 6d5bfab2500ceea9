import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { samplePolicy, selectionInput } from '../unit/policy/samples';
import type { Bundle } from '../../src/policy/bundle';
import { createEvaluationPool } from '../../src/policy/evaluation-pool';
import { createPolicyEvaluator, type PolicyEvaluator } from '../../src/policy/evaluator';
import { compileBundle, compileRules, projectRoot } from './policy-support';

const requestId = 'a5d1f2a0-0000-4000-8000-000000000001';
const workerFile = join(projectRoot, 'dist', 'policy', 'evaluation-worker.js');

/** Looks at every triple out of so many numbers. */
const triples = (numbers: number) => `selection := {"selected_detectors": ["pii"]} if {
	n := {x | some x in numbers.range(1, ${numbers})}
	count([1 | some i in n; some j in n; some k in n; i == j; j == k; i == 0]) == 0
}`;
const honest = 'selection := {"selected_detectors": ["pii"]}';

describe('evaluating what tenants write', () => {
  let evaluator: PolicyEvaluator;
  let runaway: Bundle;
  let heavy: Bundle;
  let bomb: Bundle;
  let neighbor: Bundle;

  beforeAll(async () => {
    expect(existsSync(workerFile)).toBe(true);
    [runaway, heavy, bomb] = await Promise.all([
      compileRules(triples(3000)),
      compileRules(triples(60)),
      compileRules('selection := {"selected_detectors": ["pii"]} if count(numbers.range(1, 5000000)) > 1'),
    ]);
    neighbor = await compileBundle(
      [{ path: 'policy.rego', text: `package orchestration\n${honest}` }],
      samplePolicy({ tenant_id: 'neighbor' }),
    );
  });
  beforeEach(() => {
    evaluator = createPolicyEvaluator({
      pool: createEvaluationPool({ timeoutMs: 250, maxWaitMs: 30_000, workerFile }),
    });
  });
  afterEach(() => evaluator.close());

  const select = (bundle: Bundle) => evaluator.select(bundle, selectionInput(), requestId);

  it('ends a policy that does not come to an end, while the event loop turns and neighbors decide [13.2]', async () => {
    const ended: string[] = [];
    let turns = 0;
    const clock = setInterval(() => (turns += 1), 10);
    const slow = select(runaway).then((decision) => (ended.push('runaway'), decision));
    const swift = select(neighbor).then((decision) => (ended.push('neighbor'), decision));
    expect(await slow).toEqual({ kind: 'failed', reason: 'slow', detail: 'took over 250 ms' });
    clearInterval(clock);
    expect(await swift).toMatchObject({ kind: 'decision' });
    expect(ended).toEqual(['neighbor', 'runaway']);
    expect(turns).toBeGreaterThan(3);
  });

  it('does not ask it for a while after three times, and has threads for others', async () => {
    for (let i = 0; i < 3; i++) expect(await select(runaway)).toMatchObject({ reason: 'slow' });
    expect(await select(runaway)).toMatchObject({ reason: 'unavailable' });
    expect(await select(heavy)).toMatchObject({ kind: 'decision' });
  });

  it('lets a policy decide that takes its time but comes to an end', async () => {
    expect(await select(heavy)).toMatchObject({ value: { selected_detectors: ['pii'] } });
    expect(await select(heavy)).toMatchObject({ value: { selected_detectors: ['pii'] } });
  });

  it('gives a policy its memory and no more', async () => {
    expect(await select(bomb)).toMatchObject({ reason: 'trap', detail: 'opa_malloc: failed' });
    expect(await select(neighbor)).toMatchObject({ kind: 'decision' });
  });

  it('gives one tenant one thread at a time', async () => {
    const other = { ...heavy, digest: 'other', policy: samplePolicy({ tenant_id: 'neighbor' }) };
    const slow = [1, 2, 3].map(async () => select(runaway));
    expect(await select(other)).toMatchObject({ kind: 'decision' });
    const reasons = (await Promise.all(slow)).map(
      (decision) => decision.kind === 'failed' && decision.reason,
    );
    expect(reasons).toEqual(['slow', 'slow', 'slow']);
  });

  it('refuses decisions that have no end and recursion that has none', async () => {
    const wordy = await compileRules(
      'selection := {"selected_detectors": [x | some i in numbers.range(1, 9000); x := format_int(i + 100000, 10)]}',
    );
    expect(await select(wordy)).toMatchObject({ reason: 'trap', detail: 'says more than 65536 bytes' });
    await expect(
      compileRules('again(x) := y if y := again(x)\n\nselection := {"selected_detectors": [again("a")]}'),
    ).rejects.toThrow(/^policy\.rego:2:1: .*recursive/);
  });
});
