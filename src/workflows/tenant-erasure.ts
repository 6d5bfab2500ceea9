import {
  ActivityCancellationType,
  continueAsNew,
  proxyActivities,
  setWorkflowOptions,
  sleep,
} from '@temporalio/workflow';
import type { Shift, TenantErasureActivities, TenantOperationInput } from '../contract/tenant-erasure';

const { stopTenant, drainTenant, destroyTenantKeys, eraseTenantRows, eraseTenantHistories, finishErasure } =
  proxyActivities<TenantErasureActivities>({
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    startToCloseTimeout: '5m',
    // Another worker goes on from where one that is not heard of has left off.
    heartbeatTimeout: '15s',
    // It was asked for and nobody may be left half erased: it ends when it is done, however long the store is away.
    retry: { initialInterval: 1000, backoffCoefficient: 2, maximumInterval: 30_000 },
  });

/** A few events each, so that a history stays short however much there is. */
const shiftsPerRun = 200;
/** Processes write some of what they note a moment later, and of what is gone the engine tells a moment longer. */
const lastWords = '5s';

/**
 * Erases a tenant: what runs is ended, its keys are destroyed, then all rows go, until there are none. How far it is, is in
 * the store, so that each step does again only what is left of it.
 */
export async function tenantErasure(input: TenantOperationInput): Promise<void> {
  let shifts = 0;
  const untilDone = async (step: (input: TenantOperationInput) => Promise<Shift>): Promise<void> => {
    while (!(await step(input)).done) {
      if (++shifts >= shiftsPerRun) await continueAsNew<typeof tenantErasure>(input);
    }
  };
  await stopTenant(input);
  await untilDone(drainTenant);
  await destroyTenantKeys(input);
  for (const erase of [eraseTenantRows, eraseTenantHistories]) {
    await untilDone(async () => {
      await sleep(lastWords);
      return erase(input);
    });
  }
  await finishErasure(input);
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, tenantErasure);
