import { CancelledFailure, ChildWorkflowFailure, RetryState } from '@temporalio/common';
import type { BulkChunkInput, NextBulkChunkInput, NextBulkChunk } from '../../../src/contract/bulk-run';
import { bulkRun } from '../../../src/workflows';
import { ContinuedAsNew, temporal } from './fake-temporal';

jest.mock(
  '@temporalio/workflow',
  () => jest.requireActual<{ workflowModule: object }>('./fake-temporal').workflowModule,
);

/** How many chunks the job has, and what the store says of it. */
let chunks: number;
let state: NextBulkChunk['state'];
beforeEach(() => {
  temporal.reset();
  chunks = 3;
  state = 'running';
  temporal.scripts = {
    nextBulkChunk: async ({ after, token }: NextBulkChunkInput): Promise<NextBulkChunk> => ({
      state,
      next: state === 'running' && after + 1 < chunks ? chunkOf(after + 1, token) : null,
    }),
    reopenBulkChunk: async () => undefined,
    failBulkChunk: async () => undefined,
    finishBulk: async () => undefined,
  };
  temporal.childScripts = { bulkChunk: async () => ({ left: 0 }) };
});

const chunkOf = (chunk: number, token: string): BulkChunkInput => ({
  bulk_id: 'bulk',
  chunk,
  run_id: `bulk.${chunk}.${token}`,
});

const start = (after = -1) => bulkRun({ bulk_id: 'bulk', tenant_id: 'acme', after });
const startedChunks = () =>
  temporal.children.map(({ options }) => (options['args'] as [BulkChunkInput])[0].chunk);
const broken = () =>
  new ChildWorkflowFailure(
    undefined,
    {},
    'bulkChunk',
    RetryState.RETRY_POLICY_NOT_SET,
    new Error('terminated'),
  );

describe('A bulk run', () => {
  it('runs chunk after chunk in children of low priority that know nothing but where the items are', async () => {
    await start();
    expect(startedChunks()).toEqual([0, 1, 2]);
    expect(temporal.children[0]!.options).toMatchObject({
      workflowId: 'bulk.0.id-1',
      args: [{ bulk_id: 'bulk', chunk: 0, run_id: 'bulk.0.id-1' }],
      priority: { priorityKey: 5, fairnessKey: 'acme' },
    });
    expect(temporal.inputsOf('nextBulkChunk')[0]).toEqual({
      bulk_id: 'bulk',
      after: -1,
      token: 'id-1',
    });
    expect(temporal.inputsOf('finishBulk')).toEqual([{ bulk_id: 'bulk', cancelled: false }]);
  });

  it('has at most four chunks in flight', async () => {
    chunks = 20;
    let running = 0;
    let most = 0;
    temporal.childScripts['bulkChunk'] = async () => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      running -= 1;
      return { left: 0 };
    };
    await start();
    expect([most, startedChunks().length]).toEqual([4, 20]);
  });

  it('goes on as a new run before its history grows long, when nothing is in flight', async () => {
    chunks = 1000;
    let running = 0;
    temporal.childScripts['bulkChunk'] = async () => {
      running += 1;
      await Promise.resolve();
      running -= 1;
      return { left: 0 };
    };
    await expect(start()).rejects.toThrow(ContinuedAsNew);
    expect(running).toBe(0);
    expect(startedChunks()).toHaveLength(200);
    expect(temporal.continued).toEqual([{ bulk_id: 'bulk', tenant_id: 'acme', after: 199 }]);
    expect(temporal.inputsOf('finishBulk')).toEqual([]);
  });

  it('does so, too, when few chunks have made many events', async () => {
    temporal.historyLength = 4001;
    await expect(start(0)).rejects.toThrow(ContinuedAsNew);
    expect(temporal.continued).toEqual([{ bulk_id: 'bulk', tenant_id: 'acme', after: 1 }]);
  });

  it('waits while it is paused, and looks again when told', async () => {
    state = 'paused';
    const run = start();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    expect(temporal.inputsOf('nextBulkChunk')).toHaveLength(1);
    state = 'running';
    temporal.signals['bulk-changed']!();
    await run;
    expect(startedChunks()).toEqual([0, 1, 2]);
  });

  it('looks by itself, should nobody tell', async () => {
    state = 'paused';
    const run = start();
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    state = 'running';
    await run;
    expect(startedChunks()).toEqual([0, 1, 2]);
  });

  it('tries a chunk again when its run breaks down or leaves something', async () => {
    const outcomes = [() => Promise.reject(broken()), async () => ({ left: 3 }), async () => ({ left: 0 })];
    chunks = 1;
    temporal.childScripts['bulkChunk'] = () => outcomes.shift()!();
    await start();
    expect(startedChunks()).toEqual([0, 0, 0]);
    const ids = temporal.children.map(({ options }) => options['workflowId']);
    expect(temporal.inputsOf('reopenBulkChunk')).toEqual([
      { bulk_id: 'bulk', run_id: ids[1], failed_run_id: ids[0] },
      { bulk_id: 'bulk', run_id: ids[2], failed_run_id: ids[1] },
    ]);
    expect(temporal.inputsOf('failBulkChunk')).toEqual([]);
  });

  it('gives a chunk up after three runs, and goes on with the others', async () => {
    temporal.childScripts['bulkChunk'] = async ({ chunk }: BulkChunkInput) => {
      if (chunk === 1) throw broken();
      return { left: 0 };
    };
    await start();
    expect(startedChunks().filter((chunk) => chunk === 1)).toHaveLength(3);
    expect(startedChunks()).toContain(2);
    expect(temporal.inputsOf('failBulkChunk')).toMatchObject([{ bulk_id: 'bulk', chunk: 1 }]);
    expect(temporal.inputsOf('finishBulk')).toEqual([{ bulk_id: 'bulk', cancelled: false }]);
  });

  it('that the store says is cancelled ends as that', async () => {
    state = 'cancelled';
    await start();
    expect(startedChunks()).toEqual([]);
    expect(temporal.inputsOf('finishBulk')).toEqual([{ bulk_id: 'bulk', cancelled: true }]);
  });

  it('that is cancelled waits for its children, and tells the store whatever happens', async () => {
    chunks = 4;
    temporal.childScripts['bulkChunk'] = async () => {
      temporal.cancelled = true;
      return { left: 7 };
    };
    temporal.scripts['nextBulkChunk'] = ({ after, token }: NextBulkChunkInput) =>
      temporal.cancelled
        ? Promise.reject(new CancelledFailure('cancelled'))
        : Promise.resolve({ state: 'running', next: chunkOf(after + 1, token) });
    await expect(start()).rejects.toThrow(CancelledFailure);
    expect(temporal.calls.at(-1)).toMatchObject({
      activity: 'finishBulk',
      shielded: true,
      input: { cancelled: true },
    });
    expect(temporal.inputsOf('reopenBulkChunk')).toEqual([]);
  });
});
