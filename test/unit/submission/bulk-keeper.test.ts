import type { BulkJobs } from '../../../src/store/bulk-jobs';
import type { BulkRuns } from '../../../src/store/bulk-runs';
import type { BulkGateway } from '../../../src/submission/bulk-gateway';
import { BulkKeeper } from '../../../src/submission/bulk-keeper';

describe('The keeper of bulk jobs', () => {
  const done: string[] = [];
  const warnings: object[] = [];
  const keeper = new BulkKeeper({
    jobs: {
      discard: async (id) => void done.push(`discard ${id}`),
    } satisfies Partial<BulkJobs> as unknown as BulkJobs,
    runs: {
      abandonedUploads: async () => ['half'],
      openJobs: async () =>
        ['running', 'unreachable', 'lost'].map((bulkId) => ({ bulkId, tenantId: 'acme' })),
      removeExpired: async () => void done.push('remove'),
    } satisfies Partial<BulkRuns> as unknown as BulkRuns,
    gateway: {
      isRunning: async (id) => {
        if (id === 'unreachable') throw new Error('no engine');
        return id === 'running';
      },
      start: async (id, tenantId) => void done.push(`start ${id} of ${tenantId}`),
    } satisfies Partial<BulkGateway> as unknown as BulkGateway,
    log: { warn: (fields) => void warnings.push(fields) },
  });

  it('discards what was left half uploaded, starts what has no run, and removes what is over', async () => {
    await keeper.tend();
    expect(done).toEqual(['discard half', 'start lost of acme', 'remove']);
    expect(warnings).toMatchObject([{ bulk_id: 'unreachable' }, { bulk_id: 'lost' }]);
  });
});
