import {
  ActivityCancellationType,
  CancellationScope,
  isCancellation,
  proxyActivities,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { NoticeActivities, NoticeDelivery, NoticeEnd } from '../contract/notices';

const { deliverNotice, giveUpNotice } = proxyActivities<NoticeActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  // Longer than any attempt takes; one that dies with its worker is repeated then.
  startToCloseTimeout: '45s',
  // What failed at the receiver says itself when to try again; this is for what goes wrong here.
  retry: { initialInterval: 1000, backoffCoefficient: 2, maximumInterval: 30_000 },
});

/** Tells one recipient what has happened, attempt after attempt of one activity (spec/gateway.md 9.3). */
export async function noticeDelivery(delivery: NoticeDelivery): Promise<NoticeEnd> {
  try {
    return await deliverNotice(delivery);
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => giveUpNotice(delivery));
    throw error;
  }
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, noticeDelivery);
