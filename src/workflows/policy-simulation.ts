import {
  ActivityCancellationType,
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { SimulationActivities, SimulationInput } from '../contract/simulation-run';

const retry = { initialInterval: 500, backoffCoefficient: 2, maximumInterval: 30_000 };
const { simulatePolicy } = proxyActivities<SimulationActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '5m',
  // Another worker goes on from the last page of one that is not heard of.
  heartbeatTimeout: '15s',
  // A store that is away for some minutes is waited for; what fails so often fails always.
  retry: { ...retry, maximumAttempts: 20 },
});
const { endSimulation } = proxyActivities<SimulationActivities>({
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  startToCloseTimeout: '30s',
  retry,
});

/** A few events each, so that a history stays short however much there is to replay. */
const shiftsPerRun = 100;

/** Replays what was judged in a time through a candidate: shift after shift, from where the store says it was left. */
export async function policySimulation(input: SimulationInput): Promise<void> {
  try {
    for (let shift = 0; shift < shiftsPerRun; shift++) {
      const { done } = await simulatePolicy(input);
      if (done) return;
    }
  } catch (error) {
    const cancelled = isCancellation(error);
    await CancellationScope.nonCancellable(() =>
      endSimulation({
        ...input,
        status: cancelled ? 'cancelled' : 'failed',
        error: cancelled ? null : 'the replay failed again and again; the log of the worker says why',
      }),
    );
    throw error;
  }
  await continueAsNew<typeof policySimulation>(input);
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, policySimulation);
