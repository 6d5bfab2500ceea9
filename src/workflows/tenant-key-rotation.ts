import {
  ActivityCancellationType,
  continueAsNew,
  proxyActivities,
  setWorkflowOptions,
  uuid4,
} from '@temporalio/workflow';
import type { TenantKeyRotationActivities, TenantKeyRotationInput } from '../contract/key-rotation';
import { orMakeGood, reasonOf } from './or-make-good';

const retry = { initialInterval: 1000, backoffCoefficient: 2, maximumInterval: 30_000 };
const { rotateTenantKeys } = proxyActivities<TenantKeyRotationActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '5m',
  // Another worker goes on from the last tenant of one that is not heard of.
  heartbeatTimeout: '15s',
  // A store that is away for some minutes is waited for; what fails so often fails always.
  retry: { ...retry, maximumAttempts: 20 },
});
const { recordScheduledRotation, endTenantKeyRotation } = proxyActivities<TenantKeyRotationActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '30s',
  retry,
});

/** A few events each, so that a history stays short however many tenants there are. */
const shiftsPerRun = 100;

/**
 * Gives every tenant a new key (spec/platform.md 4): installed beside the old ones, verified and then used, or left as it
 * was, tenant after tenant. How far it is, is in the store.
 */
export async function tenantKeyRotation({ rotation_id: asked }: TenantKeyRotationInput): Promise<void> {
  const input = { rotation_id: asked ?? uuid4() };
  if (asked === null && !(await recordScheduledRotation(input)).begun) return;
  const finished = await orMakeGood(
    async () => {
      let done = false;
      for (let shift = 0; !done && shift < shiftsPerRun; shift++) ({ done } = await rotateTenantKeys(input));
      if (done) await endTenantKeyRotation({ ...input, error: null });
      return done;
    },
    (error) => endTenantKeyRotation({ ...input, error: reasonOf(error) }),
  );
  if (!finished) await continueAsNew<typeof tenantKeyRotation>(input);
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, tenantKeyRotation);
