import {
  ActivityCancellationType,
  CancellationScope,
  isCancellation,
  proxyActivities,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { CallbackActivities, CallbackDelivery, CallbackEnd } from '../contract/callback';

const { deliverCallback, giveUpCallback } = proxyActivities<CallbackActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  // Longer than any attempt takes; one that dies with its worker is repeated then.
  startToCloseTimeout: '20s',
  // What failed at the receiver says itself when to try again; this is for what goes wrong here.
  retry: { initialInterval: 1000, backoffCoefficient: 2, maximumInterval: 30_000 },
});

/**
 * Tells the receiver of one job that it has ended: attempt after attempt of one activity, over hours, whoever dies in
 * between. How far it is, and when it is given up, is in the store.
 */
export async function callbackDelivery(delivery: CallbackDelivery): Promise<CallbackEnd> {
  try {
    return await deliverCallback(delivery);
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => giveUpCallback(delivery));
    throw error;
  }
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, callbackDelivery);
