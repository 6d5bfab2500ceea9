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
        ['running', 'cancelled', 'unreachable', 'lost'].map((bulkId) => ({
          bulkId,
          tenantId: 'acme',
          isCancelled: bulkId === 'cancelled',
        })),
      removeExpired: async () => void done.push('remove'),
    } satisfies Partial<BulkRuns> as unknown as BulkRuns,
    gateway: {
      isRunning: async (id) => {
        if (id === 'unreachable') throw new Error('no engine');
        return id === 'running' || id === 'cancelled';
      },
      cancel: async (id, tenantId) => void done.push(`cancel ${id} of ${tenantId}`),
      start: async (id, tenantId) => void done.push(`start ${id} of ${tenantId}`),
    } satisfies Partial<BulkGateway> as unknown as BulkGateway,
    log: { warn: (fields) => void warnings.push(fields) },
  });

  it('discards what was left half uploaded, starts what has no run, tells again what is cancelled, and removes what is over', async () => {
    await keeper.tend();
    expect(done).toEqual(['discard half', 'cancel cancelled of acme', 'start lost of acme', 'remove']);
    expect(warnings).toMatchObject([{ bulk_id: 'unreachable' }, { bulk_id: 'lost' }]);
  });
});
