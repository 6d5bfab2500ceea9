import { ActivityCancellationType, continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { HealthActivities } from '../contract/health-monitor';

const { watchHealth } = proxyActivities<HealthActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '10m',
  // A process that dies is replaced when it has not been heard of for so long.
  heartbeatTimeout: '10s',
  retry: { initialInterval: 1000, backoffCoefficient: 2, maximumInterval: 5000 },
});

/** A few events each, so that a history stays short. */
const shiftsPerRun = 50;

/**
 * The one prober of the installation (spec/gateway.md 5): shift after shift of some minutes, each in whatever process
 * takes it; for ever, over as many runs as it takes. What is due and what comes out is in the store.
 */
export async function healthMonitor(): Promise<void> {
  for (let shift = 0; shift < shiftsPerRun && !workflowInfo().continueAsNewSuggested; shift++)
    await watchHealth();
  await continueAsNew<typeof healthMonitor>();
}
