import { CancelledFailure } from '@temporalio/common';
import type { PublishCall } from '../../../src/activities/types';
import type { BulkMember, LoadedBulkChunk } from '../../../src/contract/bulk-run';
import { bulkChunk } from '../../../src/workflows';
import { planned, planOf } from '../domain/support';
import { temporal } from './fake-temporal';
import { memberOf, startOfRun } from './samples';

jest.mock(
  '@temporalio/workflow',
  () => jest.requireActual<{ workflowModule: object }>('./fake-temporal').workflowModule,
);

const input = { bulk_id: 'bulk', chunk: 3, run_id: 'bulk.x' };
const patience = { checkpoint_after: 1500, cut_after: 29_500, deadline_after: 30_000 };
const plan = planOf([planned('a')]);
const member = (requestId: string): BulkMember => memberOf(requestId, { mode: 'bulk' });

let now = startOfRun;
let loaded: LoadedBulkChunk;
beforeEach(() => {
  temporal.reset();
  now = startOfRun;
  jest.spyOn(Date, 'now').mockImplementation(() => now);
  loaded = {
    patience,
    slices: [
      { run_id: 'bulk.x/0', plan, members: [member('r'), member('s')] },
      { run_id: 'bulk.x/1', plan, members: [member('t')] },
    ],
  };
  temporal.scripts = {
    ...temporal.scripts,
    loadBulkChunk: async () => loaded,
    settleBulkChunk: async () => ({ left: 0 }),
    publish: async () => {
      now += 10_000;
      return { unfinished_jobs: [], statuses: {} };
    },
  };
});
afterEach(() => jest.restoreAllMocks());

describe('A chunk of a bulk job', () => {
  it('runs its slices one after the other, each as a run of its own', async () => {
    expect(await bulkChunk(input)).toEqual({ left: 0 });
    expect(temporal.calls.map(({ activity }) => activity)).toEqual([
      'loadBulkChunk',
      ...['detect.a', 'map', 'publish'],
      ...['detect.a', 'map', 'publish'],
      'settleBulkChunk',
    ]);
    const published = temporal.inputsOf<PublishCall>('publish');
    expect(published.map(({ run }) => run)).toEqual([
      { run_id: 'bulk.x/0', facade_id: null, started_at: startOfRun },
      { run_id: 'bulk.x/1', facade_id: null, started_at: startOfRun + 10_000 },
    ]);
    expect(published[0]!.endings.map((ending) => ending.request_id)).toEqual(['r', 's']);
  });

  it('gives the last slice as much time as the first', async () => {
    const left = () =>
      temporal.calls
        .filter(({ activity }) => activity === 'detect.a')
        .map(({ options }) => options['scheduleToCloseTimeout']);
    await bulkChunk(input);
    expect(left()).toEqual([31_500, 31_500]);
  });

  it('that is cancelled runs no further slice, and is counted all the same', async () => {
    temporal.scripts['detect.a'] = () => {
      temporal.cancelled = true;
      return Promise.reject(new CancelledFailure('cancelled'));
    };
    temporal.scripts['settleBulkChunk'] = async () => ({ left: 1 });
    expect(await bulkChunk(input)).toEqual({ left: 1 });
    const published = temporal.inputsOf<PublishCall>('publish');
    expect(published.map(({ endings }) => endings.map(({ cancelled }) => cancelled))).toEqual([[true, true]]);
    expect(temporal.calls.at(-1)).toMatchObject({ activity: 'settleBulkChunk', shielded: true });
  });

  it('fails when it cannot be loaded, so that it is tried again', async () => {
    temporal.scripts['loadBulkChunk'] = () => Promise.reject(new Error('no store'));
    await expect(bulkChunk(input)).rejects.toThrow('no store');
    expect(temporal.calls.map(({ activity }) => activity)).toEqual(['loadBulkChunk']);
  });
});
