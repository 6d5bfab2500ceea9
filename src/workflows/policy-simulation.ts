import {
  ActivityCancellationType,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { SimulationActivities, SimulationInput } from '../contract/simulation-run';
import { orMakeGood } from './or-make-good';

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
const cancelled = { status: 'cancelled', error: null } as const;
const failed = {
  status: 'failed',
  error: 'the replay failed again and again; the log of the worker says why',
} as const;

/** Replays what was judged in a time through a candidate: shift after shift, from where the store says it was left. */
export async function policySimulation(input: SimulationInput): Promise<void> {
  const finished = await orMakeGood(
    async () => {
      let done = false;
      for (let shift = 0; !done && shift < shiftsPerRun; shift++) ({ done } = await simulatePolicy(input));
      return done;
    },
    (error) => endSimulation({ ...input, ...(isCancellation(error) ? cancelled : failed) }),
  );
  if (!finished) await continueAsNew<typeof policySimulation>(input);
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, policySimulation);
