import {
  ActivityCancellationType,
  ActivityFailure,
  CancellationScope,
  isCancellation,
  proxyActivities,
  rootCause,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { TenantOperationInput } from '../contract/tenant-erasure';
import type { TenantOnboardingActivities } from '../contract/tenant-onboarding';

const retry = { initialInterval: 500, backoffCoefficient: 2, maximumInterval: 30_000 };
const { makeTenantKey, makeFirstApiKey, activateTenant } = proxyActivities<TenantOnboardingActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '30s',
  // A store that is away for some minutes is waited for; what fails so often fails always.
  retry: { ...retry, maximumAttempts: 20 },
});
const { undoOnboarding } = proxyActivities<TenantOnboardingActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '30s',
  // Nothing may be left half made, however long that takes.
  retry,
});

/** Makes a tenant ready to be served, step by step; what cannot be finished is undone. */
export async function tenantOnboarding(input: TenantOperationInput): Promise<void> {
  try {
    await makeTenantKey(input);
    await makeFirstApiKey(input);
    await activateTenant(input);
  } catch (error) {
    const reason = isCancellation(error) ? 'it was cancelled' : reasonOf(error);
    await CancellationScope.nonCancellable(() => undoOnboarding({ ...input, error: reason }));
    throw error;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof ActivityFailure ? (rootCause(error) ?? error.message) : 'it went wrong';
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, tenantOnboarding);
