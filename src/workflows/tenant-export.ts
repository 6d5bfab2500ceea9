import {
  ActivityCancellationType,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { TenantOperationInput } from '../contract/tenant-erasure';
import type { TenantExportActivities } from '../contract/tenant-export';
import { orMakeGood } from './or-make-good';

const retry = { initialInterval: 500, backoffCoefficient: 2, maximumInterval: 30_000 };
const { exportTenantPages, finishExport } = proxyActivities<TenantExportActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '10m',
  // Another worker goes on from the last page of one that is not heard of.
  heartbeatTimeout: '15s',
  // A store that is away for some minutes is waited for; what fails so often fails always.
  retry: { ...retry, maximumAttempts: 20 },
});
const { failExport } = proxyActivities<TenantExportActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '30s',
  retry,
});

/** A few events each, so that a history stays short however much there is. */
const shiftsPerRun = 200;
const failed = 'a page failed again and again; the log of the worker says why';

/** Writes down all that is a tenant's, page after page, from where the store says that it was left. */
export async function tenantExport(input: TenantOperationInput): Promise<void> {
  const finished = await orMakeGood(
    async () => {
      let done = false;
      for (let shift = 0; !done && shift < shiftsPerRun; shift++) ({ done } = await exportTenantPages(input));
      if (done) await finishExport(input);
      return done;
    },
    (error) => failExport({ ...input, error: isCancellation(error) ? 'it was cancelled' : failed }),
  );
  if (!finished) await continueAsNew<typeof tenantExport>(input);
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, tenantExport);
