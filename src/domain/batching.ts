import type { Plan } from '../contract/plan';

/** Calls at a time to one detector for one run. */
export const callsAtOnce = 10;

/** Members that every detector of the plan can judge at one go, so that an attempt's timeout means one call. */
export function membersAtOnce(plan: Pick<Plan, 'detectors'>): number {
  return Math.min(
    ...plan.detectors.map(({ call }) =>
      call.protocol === 'detectors-api' ? call.max_batch : Math.min(call.max_batch, callsAtOnce),
    ),
    largestBatch,
  );
}

const largestBatch = 256;
