import { BulkInputs } from '../../../src/activities/bulk-inputs';
import { createBulkActivities } from '../../../src/activities/bulk';
import { DetectorMemo } from '../../../src/activities/detector-memo';
import { ConclaveError } from '../../../src/contract/errors';
import type { OrchestrationRequest } from '../../../src/contract/request';
import type { BulkChunks, BulkItem, BulkItemOutcome, PlannedBulkChunk } from '../../../src/store/bulk-chunks';
import type { BulkRuns } from '../../../src/store/bulk-runs';
import { RunKeyDestroyedError } from '../../../src/store/key-ring';
import type { Outcome, Outcomes } from '../../../src/store/outcomes';
import { planned, planOf } from '../domain/support';
import { requestOf } from '../submission/support';

const patience = { checkpoint_after: 1500, cut_after: 29_500, deadline_after: 30_000 };
const input = { bulk_id: 'bulk-x', chunk: 3, run_id: 'bulk-x.3.token' };
const plans = {
  default: { plan: planOf([planned('a')]), digest: 'one', healthStatus: { a: true } },
  other: { plan: planOf([planned('b')]), digest: 'two', healthStatus: { b: false } },
};

let items: BulkItem[];
let ended: string[];
let started: boolean;
let saved: PlannedBulkChunk | null;
let published: { runId: string; outcomes: readonly Outcome[] }[];
let settled: unknown[];
let memo: DetectorMemo;
beforeEach(() => {
  items = Array.from({ length: 40 }, (_, n) =>
    itemOf(n, n === 7 ? 'absent' : n % 2 === 0 ? 'default' : 'other'),
  );
  [ended, published, settled] = [[], [], []];
  [started, saved] = [true, null];
  memo = new DetectorMemo();
});

function itemOf(n: number, policy_bundle: string): BulkItem {
  const request = requestOf({ content: `item ${n}`, metadata: { n }, policy_bundle });
  return { line: n + 1, request_id: `r${n}`, request, routing_tokens: ['inferred=text'] };
}

const chunks = {
  items: async () => items,
  markStarted: async () => started,
  outcomes: async () =>
    items.map(({ request_id: requestId }, index): BulkItemOutcome => {
      const status = ended.includes(requestId) ? 'completed' : null;
      return { index, line: index + 1, requestId, refusal: null, status, httpStatus: null };
    }),
  savePlanned: async (_bulkId, _chunk, plan) => void (saved = plan),
  planned: async () => saved,
} satisfies Partial<BulkChunks> as unknown as BulkChunks;
const runs = {
  identityOf: async () => ({
    tenantId: 'acme',
    correlationId: 'corr',
    traceparent: null,
    asked: { principal: 'ann', endpoint: 'POST /orchestrate' },
  }),
  settle: async (...call: unknown[]) => {
    settled.push(call);
    return 2;
  },
} satisfies Partial<BulkRuns> as unknown as BulkRuns;
const inputsOf = () => new BulkInputs(chunks, runs, patience);

function activitiesWith(inputs = inputsOf()) {
  return createBulkActivities({
    chunks,
    runs,
    outcomes: {
      publish: async (runId, outcomes) => {
        published.push({ runId, outcomes });
        return [];
      },
    } satisfies Partial<Outcomes> as unknown as Outcomes,
    memo,
    inputs,
    plan: async ({ policy_bundle, required_detectors: wished }: OrchestrationRequest) => {
      const made = plans[policy_bundle as keyof typeof plans];
      if (!made) throw new ConclaveError('POLICY_NOT_FOUND', 'no such bundle');
      return { ...made, ...(wished && { about: { required_detectors: wished } }) };
    },
    patience,
    now: () => 5000,
  });
}

describe('Loading a chunk of a bulk job', () => {
  it('groups its items by plan, in slices that no content leaves with', async () => {
    const loaded = await activitiesWith().loadBulkChunk(input);
    expect(loaded.patience).toBe(patience);
    expect(
      loaded.slices.map(({ run_id, plan, members }) => [run_id, plan.detectors[0]!.name, members.length]),
    ).toEqual([
      ['bulk-x.3.token/0', 'a', 20],
      ['bulk-x.3.token/1', 'b', 19],
    ]);
    expect(loaded.slices[0]!.members[1]).toEqual({
      request_id: 'r2',
      correlation_id: 'corr',
      traceparent: null,
      asked: { principal: 'ann', endpoint: 'POST /orchestrate' },
      mode: 'bulk',
      content: '',
      content_length: 6,
      metadata: null,
      idempotency_key: null,
      parent_job_id: null,
      routing_tokens: ['inferred=text'],
      health_status: { a: true },
    });
    expect(JSON.stringify(loaded)).not.toContain('item 2');
    expect(memo.wasBornHere('bulk-x.3.token/1')).toBe(true);
  });

  it('keeps what a request asks for itself, also for whoever takes the chunk over', async () => {
    const [first, ...others] = items;
    items = [{ ...first!, request: { ...first!.request, required_detectors: ['b'] } }, ...others];
    await activitiesWith().loadBulkChunk(input);
    const run = { run_id: 'bulk-x.3.token/0', facade_id: null, started_at: 1000 };
    const { members } = await inputsOf().of(run);
    expect(members[0]).toMatchObject({ request_id: 'r0', about: { required_detectors: ['b'] } });
    expect(members[1]).not.toHaveProperty('about');
  });

  it('publishes what cannot be planned as failed, with the reason', async () => {
    await activitiesWith().loadBulkChunk(input);
    const [{ runId, outcomes }] = published as [(typeof published)[number]];
    expect([runId, outcomes.length]).toEqual(['bulk-x.3.token/2', 1]);
    expect(outcomes[0]).toMatchObject({ requestId: 'r7', status: 'failed', errorCode: 'POLICY_NOT_FOUND' });
    const { status, body } = outcomes[0]!.answer(null);
    expect([status, JSON.parse(body.toString())]).toMatchObject([
      400,
      { request_id: 'r7', correlation_id: 'corr' },
    ]);
  });

  it('leaves out what has an outcome, and looks for what an earlier run has kept', async () => {
    ended = items.slice(0, 38).map(({ request_id }) => request_id);
    started = false;
    const { slices } = await activitiesWith().loadBulkChunk(input);
    expect(slices.map(({ members }) => members.map(({ request_id }) => request_id))).toEqual([
      ['r38'],
      ['r39'],
    ]);
    expect(memo.wasBornHere('bulk-x.3.token/0')).toBe(false);
  });

  it('fails for good when the items are no longer kept', async () => {
    const gone = jest.spyOn(chunks, 'items').mockRejectedValue(new RunKeyDestroyedError('bulk-x'));
    await expect(activitiesWith().loadBulkChunk(input)).rejects.toMatchObject({
      type: 'content_expired',
      nonRetryable: true,
    });
    gone.mockRestore();
  });
});

describe('The input of a slice', () => {
  const run = { run_id: 'bulk-x.3.token/1', facade_id: null, started_at: 10_000 };

  it('has what was loaded, with its clock running', async () => {
    const inputs = inputsOf();
    await activitiesWith(inputs).loadBulkChunk(input);
    const { plan, members } = await inputs.of(run);
    expect(plan).toBe(plans.other.plan);
    expect(members[0]).toMatchObject({
      request_id: 'r1',
      content: 'item 1',
      metadata: { n: 1 },
      received_at: 10_000,
      cut_at: 39_500,
    });
  });

  it('is the same in a process that has not loaded it', async () => {
    const inputs = inputsOf();
    await activitiesWith(inputs).loadBulkChunk(input);
    expect(await inputsOf().of(run)).toEqual(await inputs.of(run));
    inputs.forget(run.run_id);
    expect(await inputs.of(run)).toEqual(await inputsOf().of(run));
  });

  it.each([
    ['another run has the chunk by now', { ...run, run_id: 'bulk-x.3.earlier/1' }],
    ['there is no such slice', { ...run, run_id: 'bulk-x.3.token/9' }],
  ])('is gone when %s', async (_when, other) => {
    await activitiesWith().loadBulkChunk(input);
    await expect(inputsOf().of(other)).rejects.toThrow('gone');
  });
});

describe('A chunk that is given up', () => {
  it('has INTERNAL_ERROR published for what has no outcome, and is counted', async () => {
    ended = items.slice(1).map(({ request_id }) => request_id);
    await activitiesWith().failBulkChunk(input);
    expect(published).toMatchObject([
      { runId: input.run_id, outcomes: [{ requestId: 'r0', status: 'failed', errorCode: 'INTERNAL_ERROR' }] },
    ]);
    expect(settled).toEqual([['bulk-x', 3, input.run_id]]);
  });

  it('is counted like any', async () => {
    expect(await activitiesWith().settleBulkChunk(input)).toEqual({ left: 2 });
  });
});
