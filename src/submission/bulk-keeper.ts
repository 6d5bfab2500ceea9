import type { BulkJobs } from '../store/bulk-jobs';
import type { BulkRuns, OpenBulkJob } from '../store/bulk-runs';
import type { BulkGateway } from './bulk-gateway';

export interface BulkKeeperDependencies {
  readonly jobs: BulkJobs;
  readonly runs: BulkRuns;
  readonly gateway: BulkGateway;
  readonly log: { warn(fields: object, message: string): void };
}

/** Younger jobs are still being started by their facade. */
const startedByFacadeMs = 10_000;

/** Looks after bulk jobs: each that is open has a run, whatever became of the last; what is over goes. */
export class BulkKeeper {
  constructor(private readonly deps: BulkKeeperDependencies) {}

  async tend(): Promise<void> {
    for (const bulkId of await this.deps.runs.abandonedUploads()) await this.deps.jobs.discard(bulkId);
    for (const job of await this.deps.runs.openJobs(startedByFacadeMs)) await this.#keepRunning(job);
    await this.deps.runs.removeExpired();
  }

  async #keepRunning({ bulkId, tenantId, isCancelled }: OpenBulkJob): Promise<void> {
    try {
      if (await this.deps.gateway.isRunning(bulkId, tenantId)) {
        // Who cancelled it may not have come through to it.
        if (isCancelled) await this.deps.gateway.cancel(bulkId, tenantId);
        return;
      }
      this.deps.log.warn({ bulk_id: bulkId }, 'a bulk job had no run; it goes on in a new one');
      await this.deps.gateway.start(bulkId, tenantId);
    } catch (error) {
      this.deps.log.warn({ bulk_id: bulkId, error }, 'a bulk job could not be looked after');
    }
  }
}
