import { ActivityCancellationType, proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { KeyRotationActivities, KeyRotationInput } from '../contract/key-rotation';
import { orMakeGood, reasonOf } from './or-make-good';

const retry = { initialInterval: 1000, backoffCoefficient: 2, maximumInterval: 15_000 };
const { installMasterKey, rewrapKeys, verifyKeys, finishRotation } = proxyActivities<KeyRotationActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '5m',
  // Another worker goes on from where one that is not heard of has left off.
  heartbeatTimeout: '15s',
  retry: { ...retry, maximumAttempts: 6 },
});
const { restoreKeys } = proxyActivities<KeyRotationActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '5m',
  // All must be as it was, however long that takes.
  retry,
});

/**
 * Has another master key wrap the keys of all tenants (spec/platform.md 4): installed beside the old, verified, and undone
 * when that fails. How far it is, is in the store.
 */
export async function keyRotation(input: KeyRotationInput): Promise<void> {
  await orMakeGood(
    async () => {
      await installMasterKey(input);
      for (let done = false; !done;) ({ done } = await rewrapKeys(input));
      await verifyKeys(input);
      await finishRotation(input);
    },
    (error) => restoreKeys({ ...input, error: reasonOf(error) }),
  );
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, keyRotation);
