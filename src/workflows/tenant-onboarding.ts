import { ActivityCancellationType, proxyActivities, setWorkflowOptions } from '@temporalio/workflow';
import type { TenantOperationInput } from '../contract/tenant-erasure';
import type { TenantOnboardingActivities } from '../contract/tenant-onboarding';
import { orMakeGood, reasonOf } from './or-make-good';

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
  await orMakeGood(
    async () => {
      await makeTenantKey(input);
      await makeFirstApiKey(input);
      await activateTenant(input);
    },
    (error) => undoOnboarding({ ...input, error: reasonOf(error) }),
  );
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, tenantOnboarding);
